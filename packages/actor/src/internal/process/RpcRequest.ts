/**
 * The machine of one request of an RpcGroup, from the request's arrival in the actor until no work of the request runs
 * any more. Effect's RpcServer answers a request before the request's Scope is closed. A handler of an RpcGroup may
 * also return a Deferred, which gets the answer later. A request is over when the request has its answer and its fiber
 * has ended.
 *
 *   Waiting --Begun--> Running --Answered--> Closing --Ended--> Settled
 *      |                  |                                        ^
 *      |                Ended                                      |
 *      |                  v                                        |
 *      |              Deferring ------------Answered---------------+
 *      +-----------------------Answered----------------------------+
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

export type AnyExit = Exit.Exit<unknown, unknown>
type AnyFiber = Fiber.Fiber<unknown, unknown>

export type State =
  /** The request waits for a permit, because RpcServer limits the number of requests. */
  | { readonly _tag: "Waiting" }
  | { readonly _tag: "Running"; readonly fiber: AnyFiber }
  /** The request's handler has ended with a Deferred, whose value is the answer. */
  | { readonly _tag: "Deferring" }
  /**
   * The request is answered and its Scope is closing. A request that discards its answer counts as answered from its
   * beginning.
   */
  | { readonly _tag: "Closing"; readonly fiber: AnyFiber; readonly exit: AnyExit }
  | { readonly _tag: "Settled"; readonly exit: AnyExit }

export type Input =
  | { readonly _tag: "Begun"; readonly fiber: AnyFiber }
  | { readonly _tag: "Answered"; readonly exit: AnyExit }
  /** The input `Ended` says that the fiber of an RPC request and all finalizers of this fiber have ended. */
  | { readonly _tag: "Ended"; readonly exit: AnyExit }

export const waiting: State = { _tag: "Waiting" }

/**
 * Returns the state of a request after an input. An input that has no meaning in the present state of the request
 * changes nothing.
 */
export const step = (state: State, input: Input): State => {
  switch (state._tag) {
    case "Waiting":
      if (input._tag === "Begun") return { _tag: "Running", fiber: input.fiber }
      return input._tag === "Answered" ? { _tag: "Settled", exit: input.exit } : state
    case "Running":
      if (input._tag === "Answered") return { _tag: "Closing", fiber: state.fiber, exit: input.exit }
      return input._tag === "Ended" ? { _tag: "Deferring" } : state
    case "Deferring":
      return input._tag === "Answered" ? { _tag: "Settled", exit: input.exit } : state
    case "Closing":
      // A finalizer in the Scope of a request may fail after the request was answered.
      if (input._tag !== "Ended") return state
      return { _tag: "Settled", exit: Exit.isFailure(input.exit) ? input.exit : state.exit }
    case "Settled":
      return state
  }
}
