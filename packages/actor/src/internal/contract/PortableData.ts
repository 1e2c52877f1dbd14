/**
 * Describes a Layer as data, which a parent sends to an actor so that the actor builds this Layer too.
 *
 * @since 0.1.0
 */
/**
 * The data of a portable Layer: the module that defines it, its key among the module's exports, and its settings as
 * JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface PortableData {
  readonly module: string
  readonly key: string
  readonly settings: string
}
