/** Cases of `npm run faults` about errors and values that are sent between actors. */
import type { Case } from "../case.ts"

export const messages: ReadonlyArray<Case> = [
  {
    guarantees: ["G4"],
    title: "an error shows the line that threw in an import or in a layer of an actor",
    program: "import-throws.ts",
    wanted: [
      "step import, thrown in connect: no database at the module's url",
      "step layer, thrown in connect: no database at the layer's url",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G104"],
    title: "an error keeps its properties and its parts",
    program: "keeps-properties.ts",
    wanted: [
      "{ code: 'ENOENT', errno: -2, path: '/nowhere/at/all', syscall: 'open' }",
      "several: Error one, TypeError two",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G35", "G105"],
    title: "values of an unknown type arrive the same, or are refused with their place",
    program: "sends-anything.ts",
    wanted: [
      "a shared object: the same",
      "a large integer: the same",
      "-0: the same",
      "own __proto__: the same",
      "half of a pair: the same",
      "a date: PayloadInvalid: Expected JSON value at [\"value\"]",
      "a bigint: PayloadInvalid: Expected JSON value at [\"value\"]",
      "a hole: PayloadInvalid: Expected JSON value at [\"value\"]",
      "a function: PayloadInvalid: Expected JSON value at [\"value\"]",
      "itself: PayloadInvalid: Expected a value that does not contain itself at [\"value\"][\"self\"]",
      "1,000 levels: the same",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G108"],
    title: "a string that UTF-8 cannot hold is refused",
    program: "sends-half-pairs.ts",
    wanted: [
      "plough",
      "PayloadInvalid: the payload of echo, made by the caller, does not match its schema: Expected text without half of a surrogate pair",
      "  at [\"text\"]",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G107"],
    title: "an actor that its owner had to kill says so",
    program: "kills-its-actor.ts",
    wanted: [
      "Cancelled: it ended before it had said how its cleanup went: its owner killed its process by SIGKILL: it did not " +
      "acknowledge that it was to end (`Timeouts.cancelAck`), and SIGTERM did not end it",
      "exit code 0"
    ]
  },
  {
    guarantees: ["G84", "G116"],
    title: "a contract that has no codec ends neither its actor nor its caller",
    program: "has-no-codec.ts",
    wanted: ["the stream: Failure", "the actor answers: 1", "the root goes on", "exit code 0"]
  },
  {
    guarantees: ["G115", "G116"],
    title: "a union crosses as the member it is, and a schema that nothing carries is refused where it is defined",
    program: "has-unions.ts",
    wanted: [
      "{ a: 1 }",
      "{ a: 1, b: 2 }",
      "the payload of take is refused: no value of it can cross: it has an instance without a codec. Annotate its schema " +
      "with `toCodec`, or send data and make the instance from it",
      "  at [\"handle\"]",
      "exit code 0"
    ]
  }
]
