// The interface of discovery, which finds unnumbered peers: an implementation needs raw sockets.

export interface Discovery {
  /**
   * Looks for the neighbour at the other end of a link, and makes us visible there, until the result is closed.
   * Calls `located` with its link-local address and zone (`fe80::2%eth0`), and again when that changes.
   * Waits for a link that does not exist yet.
   */
  watch(link: string, located: (address: string) => void): { close(): void }
}
