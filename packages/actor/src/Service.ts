/**
 * A Service is an actor as a Layer: a contract in the program, an implementation that is built only in the actor. It lives
 * as long as its Layer, and Layers compose actors. `Actor.Service` declares one, its `serve` implements it.
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
