/** What keeps the service proxy, or a part of it, from working. */

export type ServiceProxyErrorCode =
  /** The kernel has no IPVS: `modprobe ip_vs`, or a kernel with CONFIG_IP_VS. */
  | 'NO_IPVS'
  /** nftables refused the base rules. */
  | 'NO_NFTABLES'
  /** Something of ours could not be removed from the kernel. */
  | 'LEFT_BEHIND'

export class ServiceProxyError extends Error {
  readonly code: ServiceProxyErrorCode

  constructor(code: ServiceProxyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ServiceProxyError'
    this.code = code
  }
}
