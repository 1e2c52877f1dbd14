/** The examples in the order in which to read them: the name of each file, and what its example shows. */
export const catalog = {
  "causality": "a call to an actor waits for it; answers keep the order of the questions",
  "daemon": "an actor with state: start it, call it again and again, cancel it",
  "first-scene": "two actors find each other by name and talk directly",
  "remote-error": "a typed error comes back as its class, a defect with both stacks and its causes",
  "short-stream": "a reader leaves a stream early; the producer's finalizer runs over there",
  "primes": "the same work here, over a pool of actors, over a pool of worker threads",
  "pool": "a pool with a progress bar; workers are killed under it, and every task is accounted for",
  "pipeline": "four processes: two feeds, merged and deduplicated by an actor, streamed upward",
  "chat": "a dialog: messages both ways, and a typed error that wakes the body it ends",
  "feed": "the reader changes what it subscribes to on the stream it reads",
  "ask-a-feed": "questions and answers on a stream that is a feed as well",
  "cancel-from-outside": "a third fiber cancels a dialog that is parked in its body",
  "deadline": "a deadline set here and read two actors further on",
  "service-graph": "actors as a graph of Layers: started by their uses, stopped in reverse",
  "supervised": "a Service that dies is started again, with those that use it, until it dies too often",
  "program":
    "an external program as a supervised child: ready by a line, killed, started again, stopped with its group",
  "topic": "publish and subscribe: by keys, with a slow reader, and over a restart of the topic",
  "rolling": "new actors for two Services under load, one after the other, and no call fails",
  "standby": "an actor that is killed again and again, and a standby that takes over in milliseconds",
  "introductions": "references in payloads: actors that were introduced talk among themselves",
  "watch-the-registry": "a supervisor's view: who is there, who comes, who goes",
  "two-programs": "two programs with trees of their own find, call and lose each other",
  "two-hosts": "the same two programs on one host and on two, by another Layer",
  "leader": "an election over an engine of your choice, and a file that refuses an old leader",
  "rpc-group": "an RpcGroup that exists already, moved into an actor by one line",
  "self-destruct": "a tree of processes in which one leaf fails, and nobody is left",
  "cost": "costs of a call, an item and an actor beside a local fiber, measured here"
} as const

export type Name = keyof typeof catalog

export const names = Object.keys(catalog) as ReadonlyArray<Name>
