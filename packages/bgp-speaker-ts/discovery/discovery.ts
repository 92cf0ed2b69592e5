// How unnumbered peers are found: a seam, because it takes raw sockets.

export interface Discovery {
  /**
   * Looks for the neighbour at the other end of a link, and lets itself be found there, until the result is closed.
   * `located` is called with its link-local address and zone (`fe80::2%eth0`), again whenever that becomes another.
   * A link that is not there yet is waited for.
   */
  watch(link: string, located: (address: string) => void): { close(): void }
}
