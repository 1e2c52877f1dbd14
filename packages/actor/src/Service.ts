/**
 * A Service is an actor as a Layer: the program has its contract, and its implementation is built only in the actor.
 * The actor of a Service lives as long as its Layer lives, and a graph of Layers composes actors. `Actor.Service`
 * declares a Service, and the `serve` of the class implements it.
 *
 * @since 0.1.0
 */
export type {
  AnyServiceClass,
  ConfiguredGroupServiceClass,
  ConfiguredServeOptions,
  ConfiguredServiceClass,
  GroupServiceClass,
  Handler,
  Handlers,
  SelfOf,
  Served,
  ServeOptions,
  ServiceCall,
  ServiceClass,
  ServiceStreamCall,
  Startable
} from "./internal/api/Service.ts"
export type { Configured, SettingsInput, SettingsSchema } from "./internal/contract/Settings.ts"
