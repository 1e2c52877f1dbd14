import { assert, describe, it } from "@effect/vitest"
import type { Dialog } from "@furrow/actor"
import { Actor, ActorError, MemoryActor } from "@furrow/actor"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { chat } from "./fixtures/chat.ts"

const Short = Schema.TaggedStruct("Said", { text: Schema.String.check(Schema.isMaxLength(5)) })

const say = (text: string) => ({ _tag: "Say" as const, text })

const inChat = <A, E, R>(body: (stream: Dialog.MsgStream<any, typeof Short.Type, any>) => Effect.Effect<A, E, R>) =>
  Actor.nursery(Effect.gen(function*() {
    const bob = yield* Actor.start("bob", { expose: [chat] })
    return yield* bob.open(chat({ room: "a" }), (dialog) => body(dialog.stream))
  })).pipe(Effect.provide(MemoryActor.layer))

describe("The functions of a MsgStream turn it into an Effect Stream, Sink or Channel that sends and receives the dialog's values", () => {
  it.effect("a Sink of a dialog sends and then ends its own direction, and a Stream of the dialog receives until the callee ends the other direction", () =>
    inChat(Effect.fnUntraced(function*(stream) {
      yield* Stream.run(Stream.make(say("a"), say("b")), stream.toSink)
      const texts = yield* Stream.runCollect(Stream.map(stream.toStream, ({ text }) => text))
      assert.deepStrictEqual(texts, ["A", "B"])
    })))

  it.effect("a Channel of a dialog sends its input, and outputs the messages of the callee", () =>
    inChat(Effect.fnUntraced(function*(stream) {
      const texts = yield* Stream.make(say("a"), say("b"), say("c")).pipe(
        Stream.pipeThroughChannel(stream.toChannel()),
        Stream.map(({ text }) => text),
        Stream.runCollect
      )
      assert.deepStrictEqual(texts, ["A", "B", "C"])
    })))

  it.effect("a Stream that fails while it is piped through the Channel of a dialog fails the Channel with the same error", () =>
    inChat(Effect.fnUntraced(function*(stream) {
      const error = yield* Stream.concat(Stream.make(say("a")), Stream.fail("broken")).pipe(
        Stream.pipeThroughChannel(stream.toChannel<string>()),
        Stream.runDrain,
        Effect.flip
      )
      assert.strictEqual(error, "broken")
    })))

  it.effect("a narrowed stream of a dialog gives only messages that match the narrower schema, until its Scope closes", () =>
    inChat(Effect.fnUntraced(function*(stream) {
      yield* stream.sendAll([say("short"), say("much too long"), say("long again, but fine")])
      yield* Effect.scoped(Effect.gen(function*() {
        const narrow = yield* stream.narrow(Short)
        assert.strictEqual((yield* narrow.receive).text, "SHORT")
        const error = yield* Effect.flip(narrow.receive)
        assert.instanceOf(error, ActorError.PayloadInvalid)
        assert.strictEqual(error.side, "callee")
      }))
      assert.strictEqual((yield* stream.receive).text, "LONG AGAIN, BUT FINE")
    })))
})
