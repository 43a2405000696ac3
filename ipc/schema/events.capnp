@0xcca8e54fa907c3f5;
# The stream of events of a chain: interfaces/events.py says what each thing means.

using Common = import "common.capnp";
using Handler = import "handler.capnp";
using Proxy = import "proxy.capnp";

const maxDouble :Float64 = 1.7976931348623157e308;

interface Events {
  destroy @0 (context :Proxy.Context) -> ();
  findPosition @1 (context :Proxy.Context, locator :List(Data)) -> (
      result :Position, unknown :Text $Proxy.exception("UnknownBlockError"));
  next @2 (context :Proxy.Context, position :Position, wanted :Wanted, maxEvents :Int32 = 100,
           timeout :Float64 = .maxDouble) -> (
      result :EventBatch, unknown :Text $Proxy.exception("UnknownBlockError"),
      missing :Text $Proxy.exception("BlockMissingError"));
  interrupt @3 () -> ();
  deliver @4 (context :Proxy.Context, receiver :EventReceiver, position :Position, wanted :Wanted,
              maxEvents :Int32 = 100) -> (
      result :Handler.Handler, unknown :Text $Proxy.exception("UnknownBlockError"));
}

interface EventReceiver {
  destroy @0 (context :Proxy.Context) -> ();
  receive @1 (context :Proxy.Context, batch :EventBatch) -> ();
  ended @2 (context :Proxy.Context, reason :Text) -> ();
}

struct EventBatch {
  events @0 :List(Event);
  position @1 :Position;
}

struct Position {
  block @0 :Data;       # 32 bytes in internal order, or empty; so are the others
  tip @1 :Data;
  headerTip @2 :Data;
  mempool @3 :MempoolPosition;
}

struct MempoolPosition {
  run @0 :UInt64;
  number @1 :UInt64;
  listed @2 :UInt64;
}

struct Wanted {
  headerTip @0 :Bool;
  tip @1 :Bool;
  connected @2 :Bool = true;
  disconnected @3 :Bool = true;
  transactions @4 :Bool;
  connectedData @5 :Bool;
  disconnectedData @6 :Bool;
  transactionData @7 :Bool;
  connectedKeys @8 :Bool;
}

struct Event {
  kind @0 :Kind;
  block @1 :Common.BlockRef;
  previous @2 :Data;
  time @3 :Int64;       # seconds since 1970
  initialDownload @4 :Bool;
  data @5 :Data;
  txid @6 :Data;
  mempoolSequence @7 :UInt64;
  wtxid @8 :Data;
  fee @9 :Int64;        # satoshis
  vsize @10 :Int32;
  reason @11 :Text;
  keys @12 :Data;

  enum Kind {
    headerTip @0;
    tip @1;
    blockConnected @2;
    blockDisconnected @3;
    transactionAdded @4;
    transactionRemoved @5;
    mempoolListed @6;
  }
}
