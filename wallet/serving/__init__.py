"""The Wallet interface on one wallet of this process, in parts (Core: WalletImpl in src/wallet/interfaces.cpp)."""
