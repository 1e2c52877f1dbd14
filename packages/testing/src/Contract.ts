/**
 * A contract is data: the duties of every implementation of an interface, with one test case for each duty. A
 * contract depends on no test runner: a test file passes each test case to its own runner.
 *
 * ```ts check
 * const pair = TransportSuite.dialled(TransportSuite.fromLayer(NodeTransport.layerTcp))
 * for (const { run, title } of ConnectionSuite.contract(pair)) it.live(title, () => run)
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"

/**
 * One test case of a suite for drivers, such as `TransportSuite`. The effect `run` fails or dies when the tested driver
 * does not do what the title says. Each test case ends by itself within seconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  readonly title: string
  readonly run: Effect.Effect<void, unknown>
}

/**
 * All test cases of a contract: one test case for each duty of an implementation.
 *
 * @category models
 * @since 0.1.0
 */
export type Contract = ReadonlyArray<Case>
