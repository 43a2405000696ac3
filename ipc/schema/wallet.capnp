@0xb3a9c07e5d1f4862;
# Wallets for nodes and desktop programs: interfaces/wallet.py says what each thing means.

using Chain = import "chain.capnp";
using Events = import "events.capnp";
using Handler = import "handler.capnp";
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
  setAddressBook @12 (context :Proxy.Context, address :Text, label :Text, purpose :Text) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
  backupWallet @13 (context :Proxy.Context, path :Text) -> (failed :WalletFailed $Proxy.exception("WalletFailedError"));
  abortRescan @14 (context :Proxy.Context) -> ();
  getPubKey @15 (context :Proxy.Context, address :Text) -> (
      result :Data, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  signMessage @16 (context :Proxy.Context, message :Text, address :Text) -> (
      result :Text, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  isSpendable @17 (context :Proxy.Context, address :Text) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getAddress @18 (context :Proxy.Context, address :Text) -> (
      result :WalletAddress, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  delAddressBook @19 (context :Proxy.Context, address :Text) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getAddressReceiveRequests @20 (context :Proxy.Context) -> (result :List(Text));
  setAddressReceiveRequest @21 (context :Proxy.Context, address :Text, requestId :Text, value :Text) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  lockCoin @22 (context :Proxy.Context, output :Chain.Outpoint, writeToDb :Bool) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  unlockCoin @23 (context :Proxy.Context, output :Chain.Outpoint) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  isLockedCoin @24 (context :Proxy.Context, output :Chain.Outpoint) -> (result :Bool);
  listLockedCoins @25 (context :Proxy.Context) -> (result :List(Chain.Outpoint));
  listCoins @26 (context :Proxy.Context) -> (result :List(AddressCoins));
  getCoins @27 (context :Proxy.Context, outputs :List(Chain.Outpoint)) -> (result :List(WalletTxOut));
  txinIsMine @28 (context :Proxy.Context, output :Chain.Outpoint) -> (result :Bool);
  txoutIsMine @29 (context :Proxy.Context, output :TxOut) -> (result :Bool);
  getDebit @30 (context :Proxy.Context, output :Chain.Outpoint) -> (result :Int64);
  getCredit @31 (context :Proxy.Context, output :TxOut) -> (result :Int64);
  getTx @32 (context :Proxy.Context, txid :Data) -> (result :Data);
  getWalletTx @33 (context :Proxy.Context, txid :Data) -> (result :WalletTx);
  getWalletTxs @34 (context :Proxy.Context, before :Data, count :Int32) -> (
      result :List(WalletTx), failed :WalletFailed $Proxy.exception("WalletFailedError"));
  tryGetTxStatus @35 (context :Proxy.Context, txid :Data) -> (result :WalletTxUpdate);
  getWalletTxDetails @36 (context :Proxy.Context, txid :Data) -> (result :WalletTxDetails);
  transactionCanBeAbandoned @37 (context :Proxy.Context, txid :Data) -> (result :Bool);
  abandonTransaction @38 (context :Proxy.Context, txid :Data) -> (
      result :Bool, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  transactionCanBeBumped @39 (context :Proxy.Context, txid :Data) -> (result :Bool);
  createBumpTransaction @40 (context :Proxy.Context, txid :Data, coinControl :CoinControl) -> (
      result :BumpTransaction, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  signBumpTransaction @41 (context :Proxy.Context, tx :Data) -> (
      result :Data, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  commitBumpTransaction @42 (context :Proxy.Context, txid :Data, tx :Data) -> (
      result :Data, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  createTransaction @43 (context :Proxy.Context, recipients :List(Recipient), coinControl :CoinControl, sign :Bool,
      changePos :Int32, hasChangePos :Bool) -> (
      result :CreatedTransaction, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  commitTransaction @44 (context :Proxy.Context, tx :Data, messages :List(Text)) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
  fillPsbt @45 (context :Proxy.Context, psbt :Data, sign :Bool, finalize :Bool, bip32Derivs :Bool,
      sighash :Int32, hasSighash :Bool) -> (
      result :FilledPsbt, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getBalance @46 (context :Proxy.Context) -> (result :Int64);
  tryGetBalances @47 (context :Proxy.Context) -> (result :BalancesAtBlock);
  getAvailableBalance @48 (context :Proxy.Context, coinControl :CoinControl) -> (
      result :Int64, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getRequiredFee @49 (context :Proxy.Context, txBytes :Int32) -> (result :Int64);
  getMinimumFee @50 (context :Proxy.Context, txBytes :Int32, coinControl :CoinControl) -> (
      result :MinimumFee, failed :WalletFailed $Proxy.exception("WalletFailedError"));
  getConfirmTarget @51 (context :Proxy.Context) -> (result :Int32);
  getDefaultMaxTxFee @52 (context :Proxy.Context) -> (result :Int64);
  hdEnabled @53 (context :Proxy.Context) -> (result :Bool);
  canGetAddresses @54 (context :Proxy.Context) -> (result :Bool);
  hasExternalSigner @55 (context :Proxy.Context) -> (result :Bool);
  taprootEnabled @56 (context :Proxy.Context) -> (result :Bool);
  getDefaultAddressType @57 (context :Proxy.Context) -> (result :Text);
  exportWatchOnlyWallet @58 (context :Proxy.Context, destination :Text) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
  remove @59 (context :Proxy.Context) -> (failed :WalletFailed $Proxy.exception("WalletFailedError"));
  handleUnload @60 (context :Proxy.Context, callback :UnloadCallback) -> (result :Handler.Handler);
  handleShowProgress @61 (context :Proxy.Context, callback :ShowProgressCallback) -> (result :Handler.Handler);
  handleStatusChanged @62 (context :Proxy.Context, callback :StatusChangedCallback) -> (result :Handler.Handler);
  handleAddressBookChanged @63 (context :Proxy.Context, callback :AddressBookChangedCallback) -> (
      result :Handler.Handler);
  handleTransactionChanged @64 (context :Proxy.Context, callback :TransactionChangedCallback) -> (
      result :Handler.Handler);
  handleCanGetAddressesChanged @65 (context :Proxy.Context, callback :CanGetAddressesChangedCallback) -> (
      result :Handler.Handler);
  handleBlockProcessed @66 (context :Proxy.Context, callback :BlockProcessedCallback) -> (result :Handler.Handler);
  displayAddress @67 (context :Proxy.Context, address :Text) -> (
      failed :WalletFailed $Proxy.exception("WalletFailedError"));
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
  createWallet @7 (context :Proxy.Context, name :Text, passphrase :Text, disablePrivateKeys :Bool, blank :Bool,
      externalSigner :Bool) -> (
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
  handleLoadWallet @16 (context :Proxy.Context, callback :LoadWalletCallback) -> (result :Handler.Handler);
  listExternalSigners @17 (context :Proxy.Context) -> (
      result :List(ExternalSigner), failed :WalletFailed $Proxy.exception("WalletFailedError"));
}

struct WalletFailed {
  message @0 :Text;
}

struct ExternalSigner {
  name @0 :Text;
  fingerprint @1 :Text;
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
  usedBalance @3 :Int64;
  nonmempoolBalance @4 :Int64;
}

struct BalancesAtBlock {
  balances @0 :WalletBalances;
  blockHash @1 :Data;
}

struct WalletAddress {
  address @0 :Text;
  isMine @1 :Bool;
  purpose @2 :Text;
  label @3 :Text;
}

struct WalletTx {
  txid @0 :Data;
  tx @1 :Data;
  txinIsMine @2 :List(Bool);
  txoutIsMine @3 :List(Bool);
  txoutIsChange @4 :List(Bool);
  txoutAddress @5 :List(Text);
  txoutAddressIsMine @6 :List(Bool);
  credit @7 :Int64;
  debit @8 :Int64;
  change @9 :Int64;
  time @10 :Int64;
  comment @11 :Text;
  commentTo @12 :Text;
  isCoinbase @13 :Bool;
}

struct WalletTxStatus {
  blockHeight @0 :Int32;
  blocksToMaturity @1 :Int32;
  depthInMainChain @2 :Int32;
  timeReceived @3 :Int64;
  lockTime @4 :UInt32;
  isTrusted @5 :Bool;
  isAbandoned @6 :Bool;
  isCoinbase @7 :Bool;
  isInMainChain @8 :Bool;
}

struct WalletTxUpdate {
  status @0 :WalletTxStatus;
  numBlocks @1 :Int32;
  blockTime @2 :Int64;
}

struct WalletTxDetails {
  walletTx @0 :WalletTx;
  status @1 :WalletTxStatus;
  messages @2 :List(Text);
  paymentRequests @3 :List(Text);
  inMempool @4 :Bool;
  numBlocks @5 :Int32;
}

struct TxOut {
  value @0 :Int64;
  scriptPubkey @1 :Data;
}

struct WalletTxOut {
  txout @0 :TxOut;
  time @1 :Int64;
  depthInMainChain @2 :Int32;
  isSpent @3 :Bool;
}

struct WalletCoin {
  outpoint @0 :Chain.Outpoint;
  output @1 :WalletTxOut;
}

struct AddressCoins {
  address @0 :Text;
  coins @1 :List(WalletCoin);
}

struct Recipient {
  dest @0 :Text;
  amount @1 :Int64;
  subtractFeeFromAmount @2 :Bool;
}

enum FeeEstimateMode {
  unset @0;
  economical @1;
  conservative @2;
}

struct CoinControl {
  destChange @0 :Text;
  changeType @1 :Text;
  includeUnsafeInputs @2 :Bool;
  allowOtherInputs @3 :Bool;
  feeRate @4 :Int64;
  hasFeeRate @5 :Bool;
  overrideFeeRate @6 :Bool;
  confirmTarget @7 :Int32;
  hasConfirmTarget @8 :Bool;
  signalBip125Rbf @9 :Bool;
  hasSignalBip125Rbf @10 :Bool;
  avoidPartialSpends @11 :Bool;
  hasAvoidPartialSpends @12 :Bool;
  avoidAddressReuse @13 :Bool;
  feeMode @14 :FeeEstimateMode;
  minDepth @15 :Int32;
  maxDepth @16 :Int32;
  selected @17 :List(Chain.Outpoint);
  locktime @18 :UInt32;
  hasLocktime @19 :Bool;
  version @20 :UInt32;
  maxTxWeight @21 :Int32;
  hasMaxTxWeight @22 :Bool;
}

struct CreatedTransaction {
  txid @0 :Data;
  tx @1 :Data;
  fee @2 :Int64;
  changePos @3 :Int32;
  hasChangePos @4 :Bool;
  feeRate @5 :Int64;
  feeReason @6 :Text;
}

struct BumpTransaction {
  tx @0 :Data;
  oldFee @1 :Int64;
  newFee @2 :Int64;
}

struct FilledPsbt {
  psbt @0 :Data;
  complete @1 :Bool;
}

struct MinimumFee {
  fee @0 :Int64;
  reason @1 :Text;
}

enum ChangeType {
  new @0;
  updated @1;
  deleted @2;
}

interface UnloadCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context) -> ();
}

interface ShowProgressCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, title :Text, progress :Int32) -> ();
}

interface StatusChangedCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context) -> ();
}

interface AddressBookChangedCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, address :Text, label :Text, isMine :Bool, purpose :Text, status :ChangeType) -> ();
}

interface TransactionChangedCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, txid :Data, status :ChangeType) -> ();
}

interface CanGetAddressesChangedCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context) -> ();
}

interface BlockProcessedCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, blockHash :Data, height :Int32) -> ();
}

interface LoadWalletCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, name :Text) -> ();
}
