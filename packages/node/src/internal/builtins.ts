/**
 * Modules of Node that an actor loads at their first use. Most actors neither start a process nor dial a peer, and
 * loading the modules for starting and dialling takes a third of an empty process's start.
 */
import type * as ChildProcess from "node:child_process"
import type * as Crypto from "node:crypto"
import type * as DiagnosticsChannel from "node:diagnostics_channel"
import type * as PerfHooks from "node:perf_hooks"
import type * as Tls from "node:tls"
import type * as V8 from "node:v8"
import type * as WorkerThreads from "node:worker_threads"

export const childProcess = (): typeof ChildProcess => process.getBuiltinModule("node:child_process")

export const crypto = (): typeof Crypto => process.getBuiltinModule("node:crypto")

export const diagnosticsChannel = (): typeof DiagnosticsChannel => process.getBuiltinModule("node:diagnostics_channel")

export const perfHooks = (): typeof PerfHooks => process.getBuiltinModule("node:perf_hooks")

export const tls = (): typeof Tls => process.getBuiltinModule("node:tls")

export const v8 = (): typeof V8 => process.getBuiltinModule("node:v8")

export const workerThreads = (): typeof WorkerThreads => process.getBuiltinModule("node:worker_threads")
