/**
 * A Service is an actor as a Layer: callers import only the contract, and the implementation is built only in the
 * actor. The actor of a Service lives as long as its Layer lives, so a graph of Layers is also a graph of actors.
 * `Actor.Service` declares a Service, and the function `serve` of the class implements the Service.
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
