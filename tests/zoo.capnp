@0xb1e3c7a95d20f846;
# Every kind of type, in both directions.

using Proxy = import "/proxy.capnp";

enum Color { red @0; darkGreen @1; }

struct Leaf {
  name @0 :Text;
  weight @1 :Float64 = 2.5;
  color @2 :Color = darkGreen;
  count @3 :Int16 = -3;
  flag @4 :Bool = true;
  other @5 :Bool;
  child @6 :Leaf;
  raw @7 :Data;
  small @8 :Float32;
  big @9 :UInt64;
  number @10 :Int32;
  hasNumber @11 :Bool;
}

struct Pair { key @0 :Text; value @1 :Leaf; }
struct Counted { key @0 :UInt32; value @1 :Text; }
struct Details { text @0 :Text; code @1 :Int32; }

interface ZooInit {
  construct @0 (threadMap :Proxy.ThreadMap) -> (threadMap :Proxy.ThreadMap);
  makeZoo @1 (context :Proxy.Context) -> (result :Zoo);
}

interface Visitor {
  destroy @0 (context :Proxy.Context) -> ();
  visit @1 (context :Proxy.Context, name :Text) -> (result :Int32);
}

interface Zoo {
  destroy @0 (context :Proxy.Context) -> ();
  leaf @1 (context :Proxy.Context, value :Leaf) -> (result :Leaf);
  leaves @2 (context :Proxy.Context, value :List(Leaf)) -> (result :List(Leaf));
  ints @3 (context :Proxy.Context, value :List(Int64)) -> (result :List(Int64));
  bools @4 (context :Proxy.Context, value :List(Bool)) -> (result :List(Bool));
  colors @5 (context :Proxy.Context, value :List(Color)) -> (result :List(Color));
  texts @6 (context :Proxy.Context, value :List(List(Text))) -> (result :List(List(Text)));
  table @7 (context :Proxy.Context, value :List(Pair)) -> (result :List(Pair));
  names @8 (context :Proxy.Context, value :List(Counted)) -> (result :List(Counted));
  maybe @9 (context :Proxy.Context, value :Int32, hasValue :Bool) -> (result :Int32, hasResult :Bool);
  maybeText @10 (context :Proxy.Context, value :Text) -> (result :Text);
  several @11 (context :Proxy.Context) -> (text :Text, code :Int32);
  fail @12 (context :Proxy.Context, how :Text) -> (failed :Text $Proxy.exception("FailedError"), detailed :Details $Proxy.exception("DetailedError"), result :Int32);
  visit @13 (context :Proxy.Context, visitor :Visitor, name :Text) -> (result :Int32);
  same @14 (context :Proxy.Context, visitor :Visitor) -> (result :Visitor);
  keep @15 (context :Proxy.Context, visitor :Visitor) -> ();
  makeVisitor @16 (context :Proxy.Context) -> (result :Visitor);
  block @17 (context :Proxy.Context) -> (result :Bool);
  count @18 (context :Proxy.Context) -> (result :Int32);
  quick @19 (value :UInt8) -> (result :UInt8);
  many @20 (context :Proxy.Context, visitors :List(Visitor)) -> (result :Int32);
  data @21 (context :Proxy.Context, value :Data) -> (result :Data);
  huge @22 (context :Proxy.Context) -> (result :Data);
  obsoleteFeed @23 (context :Proxy.Context);
}
