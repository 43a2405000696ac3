@0xb3a9c07e5d1f4862;
# Wallets for nodes and desktop programs: interfaces/wallet.py says what each thing means.

using Chain = import "chain.capnp";
using Events = import "events.capnp";
using Proxy = import "proxy.capnp";
using Rpc = import "rpc.capnp";

interface Wallet {
  destroy @0 (context :Proxy.Context) -> ();
  getWalletName @1 (context :Proxy.Context) -> (result :Text);
  isCrypted @2 (context :Proxy.Context) -> (result :Bool);
  isLocked @3 (context :Proxy.Context) -> (result :Bool);
  encryptWallet @4 (context :Proxy.Context, passphrase :Text) -> (failed :WalletFailed $Proxy.exception("WalletFailedError"));
  lock @5 (context :Proxy.Context) -> (failed :WalletFailed $Proxy.exception("WalletFailedError"));
  unlock @6 (context :Proxy.Context, passphrase :Text) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  changeWalletPassphrase @7 (context :Proxy.Context, oldPassphrase :Text, newPassphrase :Text) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  privateKeysDisabled @8 (context :Proxy.Context) -> (result :Bool);
  getBalances @9 (context :Proxy.Context) -> (result :WalletBalances);
  getNewDestination @10 (context :Proxy.Context, outputType :Text, label :Text) -> (
      result :Text, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getAddresses @11 (context :Proxy.Context) -> (result :List(WalletAddress));
  setAddressBook @12 (context :Proxy.Context, address :Text, label :Text) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
  backupWallet @13 (context :Proxy.Context, path :Text) -> (failed :WalletFailed $Proxy.exception("WalletFailedError"));
  abortRescan @14 (context :Proxy.Context) -> ();
}

interface ChainSource {
  destroy @0 (context :Proxy.Context) -> ();
  makeChain @1 (context :Proxy.Context) -> (result :Chain.Chain);
  makeEvents @2 (context :Proxy.Context) -> (result :Events.Events);
  hearLoaded @3 (context :Proxy.Context, names :List(Text)) -> ();
}

interface WalletLoader {
  destroy @0 (context :Proxy.Context) -> ();
  loadWallets @1 (context :Proxy.Context) -> (
      result :List(Text), failed :WalletFailed $Proxy.exception("WalletFailedError"));
  makeRpc @2 (context :Proxy.Context) -> (result :Rpc.Rpc);
  getWalletDir @3 (context :Proxy.Context) -> (result :Text);
  listWalletDir @4 (context :Proxy.Context) -> (result :List(WalletFile));
  getWallets @5 (context :Proxy.Context) -> (result :List(Text));
  getWallet @6 (context :Proxy.Context, name :Text) -> (result :Wallet);
  createWallet @7 (context :Proxy.Context, name :Text, passphrase :Text, disablePrivateKeys :Bool, blank :Bool) -> (
      result :List(Text), failed :WalletFailed $Proxy.exception("WalletFailedError"));
  loadWallet @8 (context :Proxy.Context, name :Text) -> (
      result :List(Text), failed :WalletFailed $Proxy.exception("WalletFailedError"));
  restoreWallet @9 (context :Proxy.Context, backupFile :Text, name :Text) -> (
      result :List(Text), failed :WalletFailed $Proxy.exception("WalletFailedError"));
  unloadWallet @10 (context :Proxy.Context, name :Text) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
  setMockTime @11 (context :Proxy.Context, seconds :Int64) -> ();
  unloadWallets @12 (context :Proxy.Context) -> ();
  bringForward @13 (context :Proxy.Context, seconds :Int64) -> ();
  migrateWallet @14 (context :Proxy.Context, name :Text, passphrase :Text, loadWallet :Bool) -> (
      result :WalletMigration, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  isEncrypted @15 (context :Proxy.Context, name :Text) -> (result :Bool);
}

struct WalletFailed {
  message @0 :Text;
}

struct WalletFile {
  name @0 :Text;
  format @1 :Text;
}

struct WalletMigration {
  walletName @0 :Text;
  watchonlyName @1 :Text;
  solvablesName @2 :Text;
  backupPath @3 :Text;
}

struct WalletBalances {
  balance @0 :Int64;
  unconfirmedBalance @1 :Int64;
  immatureBalance @2 :Int64;
}

struct WalletAddress {
  address @0 :Text;
  isMine @1 :Bool;
  purpose @2 :Text;
  label @3 :Text;
}
