@0xd11f29e85927303c;
# A node for desktop programs: interfaces/node.py says what each thing means.

using Chain = import "chain.capnp";
using Handler = import "handler.capnp";
using Proxy = import "proxy.capnp";
using Wallet = import "wallet.capnp";

interface Node {
  destroy @0 (context :Proxy.Context) -> ();
  getWarnings @1 (context :Proxy.Context) -> (result :List(Text));
  startShutdown @2 (context :Proxy.Context) -> ();
  shutdownRequested @3 (context :Proxy.Context) -> (result :Bool);
  getHeaderTip @4 (context :Proxy.Context) -> (result :HeaderTip);
  getNumBlocks @5 (context :Proxy.Context) -> (result :Int32);
  getBestBlockHash @6 (context :Proxy.Context) -> (result :Data);
  getLastBlockTime @7 (context :Proxy.Context) -> (result :Int64);
  getVerificationProgress @8 (context :Proxy.Context) -> (result :Float64);
  getTipInfo @9 (context :Proxy.Context) -> (blockHeight :Int32, blockTime :Int64, headerHeight :Int32,
      headerTime :Int64, verificationProgress :Float64);
  isInitialBlockDownload @10 (context :Proxy.Context) -> (result :Bool);
  isLoadingBlocks @11 (context :Proxy.Context) -> (result :Bool);
  executeRpc @12 (context :Proxy.Context, command :Text, params :Text, uri :Text) -> (
      result :Text, failed :RpcFailed $Proxy.exception("RpcFailedError"));
  listRpcCommands @13 (context :Proxy.Context) -> (result :List(Text));
  getUnspentOutput @14 (context :Proxy.Context, output :Chain.Outpoint) -> (result :Chain.FoundCoin);
  handleInitMessage @15 (context :Proxy.Context, callback :MessageCallback) -> (result :Handler.Handler);
  handleShowProgress @16 (context :Proxy.Context, callback :ProgressCallback) -> (result :Handler.Handler);
  handleNotifyAlertChanged @17 (context :Proxy.Context, callback :AlertCallback) -> (result :Handler.Handler);
  handleNotifyBlockTip @18 (context :Proxy.Context, callback :BlockTipCallback) -> (result :Handler.Handler);
  handleNotifyHeaderTip @19 (context :Proxy.Context, callback :HeaderTipCallback) -> (result :Handler.Handler);
  getMempoolSize @20 (context :Proxy.Context) -> (result :Int64);
  getMempoolDynamicUsage @21 (context :Proxy.Context) -> (result :Int64);
  getMempoolMaxUsage @22 (context :Proxy.Context) -> (result :Int64);
  getDustRelayFee @23 (context :Proxy.Context) -> (result :Int64);
  broadcastTransaction @24 (context :Proxy.Context, tx :Data, maxTxFee :Int64) -> (result :Text);
  walletLoader @25 (context :Proxy.Context) -> (result :Wallet.WalletLoader);
}

interface MessageCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, message :Text) -> ();
}

interface ProgressCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, title :Text, progress :Int32, resumePossible :Bool) -> ();
}

interface AlertCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context) -> ();
}

interface BlockTipCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, state :SynchronizationState, tip :BlockTip, verificationProgress :Float64) -> ();
}

interface HeaderTipCallback {
  destroy @0 (context :Proxy.Context) -> ();
  call @1 (context :Proxy.Context, state :SynchronizationState, tip :BlockTip, presync :Bool) -> ();
}

enum SynchronizationState {
  initReindex @0;
  initDownload @1;
  postInit @2;
}

struct BlockTip {
  blockHeight @0 :Int32;
  blockTime @1 :Int64;
  blockHash @2 :Data;
}

struct HeaderTip {
  height @0 :Int32;
  blockTime @1 :Int64;
}

struct RpcFailed {
  code @0 :Int32;
  message @1 :Text;
}
