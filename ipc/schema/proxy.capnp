@0xcc316e3f71a040fb;
# Threads that calls run on (ids and ordinals: libmultiprocess mp/proxy.capnp).

annotation exception(param): Text;
# Marks a result as an error: where it is set, the caller raises the exception of that name.

struct Context {
  # Sent with a call: where it runs, and where its callbacks run.
  thread @0 :Thread;
  callbackThread @1 :Thread;
}

interface Thread {
  getName @0 () -> (result :Text);
}

interface ThreadMap {
  makeThread @0 (name :Text) -> (result :Thread);
  makePool @1 (count :UInt32) -> ();
}
