/** Errors of nftables tables. */

export type NftTableErrorCode = 'changed-meanwhile'

export class NftTableError extends Error {
  readonly code: NftTableErrorCode
  constructor(code: NftTableErrorCode, message: string) {
    super(message)
    this.name = 'NftTableError'
    this.code = code
  }
}
