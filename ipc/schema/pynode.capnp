@0xd1f6a0c3b7e25894;
# Interfaces of our own. They never take an ordinal that Bitcoin Core may use later.

using Chain = import "chain.capnp";
using Common = import "common.capnp";
using Events = import "events.capnp";
using Init = import "init.capnp";
using Node = import "node.capnp";
using Proxy = import "proxy.capnp";
using Wallet = import "wallet.capnp";

interface PynodeInit extends(Init.Init) {
  # The bootstrap object of our processes.
  configure @0 (context :Proxy.Context, arguments :List(Text)) -> ();
  makeProcess @1 (context :Proxy.Context) -> (result :Process);
  obsoleteMakeChainClient @2 ();   # Once took an Events; the ordinal is never used again.
  makeEvents @3 (context :Proxy.Context) -> (result :Events.Events);
  makeNode @4 (context :Proxy.Context) -> (result :Node.Node);
  makeChain @5 (context :Proxy.Context) -> (result :Chain.Chain);
  makeWalletLoader @6 (context :Proxy.Context, node :Wallet.ChainSource) -> (result :Wallet.WalletLoader);
}

interface Process {
  destroy @0 (context :Proxy.Context) -> ();
  getTree @1 (context :Proxy.Context) -> (result :List(ProcessInfo));
}

struct ProcessInfo {
  name @0 :Text;
  pid @1 :Int32;
  parent @2 :Int32;
  spawned @3 :Bool;
  connections @4 :UInt32;
  calls @5 :UInt64;
  uptime @6 :Float64;   # seconds
}
