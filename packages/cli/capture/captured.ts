/** A packet where it was seen. */

/** `pod` is a pod's end of its link, `uplink` all that leads off the node. */
export type Place = 'pod' | 'bridge' | 'uplink' | 'loopback'

export interface Captured {
  /** '': this one. */
  readonly node: string
  /** The interface's name. */
  readonly link: string
  readonly place: Place
  readonly direction: 'in' | 'out'
  /** Nanoseconds since 1970. */
  readonly time: bigint
  /** EtherType. */
  readonly protocol: number
  /** In bytes from the IP header on, with what was not kept. */
  readonly length: number
  /** From the IP header on, as far as it was kept. */
  readonly bytes: Uint8Array
}
