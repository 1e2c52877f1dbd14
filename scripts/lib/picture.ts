/**
 * Describes the layers of the runtime as data: what each layer contains, and which layers it may import. Both the check
 * of the layers and the picture in docs/architecture.md are made from the data of this file.
 */

export interface Layer {
  /** The contents of a layer of the runtime, as the table of docs/architecture.md describes them. */
  readonly holds: string
  /** The layers that a layer of the runtime may import: all their exports, or only their types. */
  readonly imports: ReadonlyArray<string>
}

/** Names of the layers (folders) of the runtime that all other layers may import. */
export const leaves: ReadonlyArray<string> = ["contract", "settings", "inspect", "errors"]

/** The layers of packages/actor/src/internal, from the top. */
export const layers: Readonly<Record<string, Layer>> = {
  api: {
    holds: "the functions that programs call: Services, references, starts of Services",
    imports: ["process", "supervision", "local", "discovery", "portal", "dialog", "channel", "spawn", ...leaves]
  },
  pool: {
    holds: "workers of one kind: a table of slots, the tasks that wait for them, and what is done for both",
    imports: ["local", "portal", "dialog", ...leaves]
  },
  topic: {
    holds: "subscribers of a topic, and the publishers that wait for them",
    imports: leaves
  },
  process: {
    holds: "the three ways to be an actor: as a child process, as the root, inside another process",
    imports: [
      "supervision",
      "local",
      "platform",
      "discovery",
      "portal",
      "logs",
      "dialog",
      "channel",
      "transport",
      "spawn",
      ...leaves
    ]
  },
  supervision: {
    holds: "actions of an owner: start a child, end it rung by rung, own it in a nursery",
    imports: ["local", "portal", "logs", "dialog", "channel", "spawn", ...leaves]
  },
  local: {
    holds: "the state of one actor: its children, its ending, the way to other actors",
    imports: ["discovery", "telemetry", "portal", "dialog", "channel", "transport", "spawn", ...leaves]
  },
  telemetry: {
    holds: "counts of an actor as metrics, and the exporters of traces, metrics and logs",
    imports: ["platform", ...leaves]
  },
  platform: {
    holds: "plans of a platform as data, and how an actor builds its platform from them",
    imports: ["spawn", "transport", ...leaves]
  },
  discovery: {
    holds: "the registry of names, and the connections to actors that are no relatives",
    imports: ["leases", "dialog", "channel", "transport", ...leaves]
  },
  leases: {
    holds: "leases over an engine of six operations, and election",
    imports: ["settings"]
  },
  portal: {
    holds: "the handle on another actor: run, stream, open, cancel, wait",
    imports: ["dialog", "stream", "channel", ...leaves]
  },
  logs: {
    holds: "log lines of an actor on their way to the loggers of the root",
    imports: ["dialog", "channel", ...leaves]
  },
  dialog: {
    holds: "one call, stream or dialog, on the caller's side and on the callee's",
    imports: ["stream", "channel", ...leaves]
  },
  stream: {
    holds: "one direction of a stream: credit, chunks, readers and subscribers",
    imports: ["channel", ...leaves]
  },
  spawn: {
    holds: "the start of a process: what it is told, the greeting, the steps until it is ready",
    imports: ["channel", "transport", ...leaves]
  },
  channel: {
    holds: "a connection with its dialogs: reads frames, keeps the rules, writes in two lanes",
    imports: ["transport", ...leaves]
  },
  transport: { holds: "how bytes get from one actor to another: listen, dial, in memory", imports: leaves },
  contract: {
    holds: "endpoints, calls and dialogs as data, with their schemas",
    imports: ["settings", "inspect", "errors"]
  },
  settings: {
    holds: "references, timeouts, the runtime service, waiting callbacks: what every layer uses",
    imports: ["errors"]
  },
  inspect: { holds: "events and snapshots", imports: ["errors"] },
  errors: { holds: "the closed set of errors, boxes for foreign ones, exits", imports: [] }
}
