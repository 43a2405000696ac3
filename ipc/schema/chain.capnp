@0x813f9f8552d21a08;
# A node's chain for wallets: interfaces/chain.py says what each thing means.

using Handler = import "handler.capnp";
using Proxy = import "proxy.capnp";

interface Chain {
  destroy @0 (context :Proxy.Context) -> ();
  getHeight @1 (context :Proxy.Context) -> (result :Int32, hasResult :Bool);
  getBlockHash @2 (context :Proxy.Context, height :Int32) -> (result :Data);
  haveBlockOnDisk @3 (context :Proxy.Context, height :Int32) -> (result :Bool);
  findLocatorFork @4 (context :Proxy.Context, locator :List(Data)) -> (result :Int32, hasResult :Bool);
  hasBlockFilterIndex @5 (context :Proxy.Context) -> (result :Bool);
  blockFilterMatchesAny @6 (context :Proxy.Context, blockHash :Data, scripts :List(Data)) -> (
      result :Bool, hasResult :Bool);
  findBlock @7 (context :Proxy.Context, hash :Data, parts :BlockParts) -> (result :FoundBlock);
  findFirstBlockWithTimeAndHeight @8 (context :Proxy.Context, minTime :Int64, minHeight :Int32, parts :BlockParts) -> (
      result :FoundBlock);
  findAncestorByHeight @9 (context :Proxy.Context, blockHash :Data, ancestorHeight :Int32, parts :BlockParts) -> (
      result :FoundBlock);
  findAncestorByHash @10 (context :Proxy.Context, blockHash :Data, ancestorHash :Data, parts :BlockParts) -> (
      result :FoundBlock);
  findCommonAncestor @11 (context :Proxy.Context, blockHash1 :Data, blockHash2 :Data, parts :BlockParts) -> (
      ancestor :FoundBlock, block1 :FoundBlock, block2 :FoundBlock);
  findCoins @12 (context :Proxy.Context, outpoints :List(Outpoint)) -> (result :List(FoundCoin));
  guessVerificationProgress @13 (context :Proxy.Context, blockHash :Data) -> (result :Float64);
  hasBlocks @14 (context :Proxy.Context, blockHash :Data, minHeight :Int32, maxHeight :Int32, hasMaxHeight :Bool) -> (
      result :Bool);
  havePruned @15 (context :Proxy.Context) -> (result :Bool);
  getPruneHeight @16 (context :Proxy.Context) -> (result :Int32, hasResult :Bool);
  isInitialBlockDownload @17 (context :Proxy.Context) -> (result :Bool);
  shutdownRequested @18 (context :Proxy.Context) -> (result :Bool);
  handleNotifications @19 (context :Proxy.Context, notifications :ChainNotifications, options :NotifyOptions) -> (
      result :Handler.Handler);
  findBlocks @20 (context :Proxy.Context, hashes :List(Data), parts :BlockParts) -> (result :List(FoundBlock));
  isRbfOptIn @21 (context :Proxy.Context, tx :Data) -> (result :Replaceability);
  isInMempool @22 (context :Proxy.Context, txid :Data) -> (result :Bool);
  hasDescendantsInMempool @23 (context :Proxy.Context, txid :Data) -> (result :Bool);
  broadcastTransaction @24 (context :Proxy.Context, tx :Data, maxTxFee :Int64, relay :Bool = true) -> (result :Text);
  getTransactionAncestry @25 (context :Proxy.Context, txid :Data) -> (result :TransactionAncestry);
  getPackageLimits @26 (context :Proxy.Context) -> (result :PackageLimits);
  checkChainLimits @27 (context :Proxy.Context, tx :Data) -> (result :Text);
  estimateSmartFee @28 (context :Proxy.Context, numBlocks :Int32, conservative :Bool) -> (result :SmartFee);
  estimateMaxBlocks @29 (context :Proxy.Context) -> (result :Int32);
  mempoolMinFee @30 (context :Proxy.Context) -> (result :Int64);
  relayMinFee @31 (context :Proxy.Context) -> (result :Int64);
  relayIncrementalFee @32 (context :Proxy.Context) -> (result :Int64);
  relayDustFee @33 (context :Proxy.Context) -> (result :Int64);
  isReadyToBroadcast @34 (context :Proxy.Context) -> (result :Bool);
  requestMempoolTransactions @35 (context :Proxy.Context, notifications :ChainNotifications) -> ();
  hasAssumedValidChain @36 (context :Proxy.Context) -> (result :Bool);
  calculateIndividualBumpFees @37 (context :Proxy.Context, outpoints :List(Outpoint), feeRate :Int64) -> (
      result :List(Int64));
  calculateCombinedBumpFee @38 (context :Proxy.Context, outpoints :List(Outpoint), feeRate :Int64) -> (
      result :Int64, hasResult :Bool);
  readBlocks @39 (context :Proxy.Context, first :Data, count :Int32, scripts :List(Data)) -> (
      blocks :List(ReadBlock), next :Data);
}

interface ChainNotifications {
  destroy @0 (context :Proxy.Context) -> ();
  blockConnected @1 (context :Proxy.Context, block :BlockInfo) -> ();
  blockDisconnected @2 (context :Proxy.Context, block :BlockInfo) -> ();
  updatedBlockTip @3 (context :Proxy.Context) -> ();
  transactionAddedToMempool @4 (context :Proxy.Context, tx :Data) -> ();
  transactionRemovedFromMempool @5 (context :Proxy.Context, txid :Data, reason :Text) -> ();
}

struct BlockParts {
  locator @0 :Bool;
  nextBlock @1 :Bool;
  data @2 :Bool;
}

struct FoundBlock {
  hash @0 :Data;        # 32 bytes in internal order
  height @1 :Int32;
  time @2 :Int64;       # seconds since 1970; so are the others
  maxTime @3 :Int64;
  mtpTime @4 :Int64;
  inActiveChain @5 :Bool;
  locator @6 :List(Data);
  nextBlock @7 :FoundBlock;
  data @8 :Data;
}

struct ReadBlock {
  hash @0 :Data;
  height @1 :Int32;
  time @2 :Int64;
  maxTime @3 :Int64;
  data @4 :Data;
  filterMatches @5 :Bool;
}

struct Outpoint {
  txid @0 :Data;
  index @1 :UInt32;
}

struct FoundCoin {
  outpoint @0 :Outpoint;
  value @1 :Int64;      # satoshis
  scriptPubkey @2 :Data;
  height @3 :Int32;
  isCoinbase @4 :Bool;
}

struct BlockInfo {
  hash @0 :Data;
  prevHash @1 :Data;
  height @2 :Int32;
  data @3 :Data;
}

struct NotifyOptions {
  connectData @0 :Bool = true;
  disconnectData @1 :Bool;
  transactions @2 :Bool = true;
}

enum Replaceability {
  unknown @0;
  replaceable @1;
  final @2;
}

struct TransactionAncestry {
  ancestors @0 :Int32;
  clusterCount @1 :Int32;
  ancestorSize @2 :Int64;
  ancestorFees @3 :Int64;
}

struct PackageLimits {
  ancestors @0 :Int32;
  descendants @1 :Int32;
}

struct SmartFee {
  feeRate @0 :Int64;    # satoshis per 1,000 virtual bytes
  target @1 :Int32;
  reason @2 :Text;
}
