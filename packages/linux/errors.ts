/** Errors of the kernel, by name: the errno of a failed system call or netlink request. Pure. */

// include/uapi/asm-generic/errno-base.h and errno.h, in order from 1; '-' where Linux leaves a hole.
const NAMES = (
  'EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY ' +
  'EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK ' +
  'EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT ' +
  'EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ' +
  'ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ ' +
  'EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK ' +
  'EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT ' +
  'EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ' +
  'ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE ' +
  'EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED ' +
  'EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON'
).split(' ')

/** `ENOENT` for 2; `E999` for a number that Linux does not define (ENOTSUPP, 524, leaks out of some drivers). */
export function errnoName(errno: number): string {
  if (errno === 524) return 'ENOTSUPP'
  const name = NAMES[errno - 1]
  return name === undefined || name === '-' ? `E${errno}` : name
}

/** A system call or a netlink request that the kernel refused. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  /** Name of the errno: `EEXIST`. */
  readonly code: string
  /** The errno, positive. */
  readonly errno: number
  /** What was asked: `setns`, `RTM_NEWROUTE`. */
  readonly call: string

  /** @param detail the kernel's own words (extended acknowledgement) or what the call was about. */
  constructor(call: string, errno: number, detail?: string) {
    super(`${call}: ${errnoName(errno)}${detail ? `: ${detail}` : ''}`)
    this.code = errnoName(errno)
    this.errno = errno
    this.call = call
  }
}

/** A script that nftables refused; the message is nft's own, with line and column. Nothing of the script was applied. */
export class NftError extends Error {
  override readonly name = 'NftError'
  /** By the kernel's words in the message: ENOENT, EEXIST, EBUSY, EPERM; `NFT` for all else (syntax). */
  readonly code: string

  constructor(message: string) {
    super(message)
    this.code = NFT_CODES.find(([words]) => message.includes(words))?.[1] ?? 'NFT'
  }
}

const NFT_CODES = [
  ['No such file or directory', 'ENOENT'],
  ['File exists', 'EEXIST'],
  ['Device or resource busy', 'EBUSY'],
  ['Operation not permitted', 'EPERM'],
] as const

/** A kernel without the feature (module missing, not compiled in). `reason` says what to do about it. */
export class FeatureError extends Error {
  override readonly name = 'FeatureError'
  readonly code = 'FEATURE'
  /** `ip_vs` */
  readonly feature: string
  readonly reason: string

  constructor(feature: string, reason: string, cause?: unknown) {
    super(`${feature}: ${reason}`, cause === undefined ? undefined : { cause })
    this.feature = feature
    this.reason = reason
  }
}

/** True when `error` is a KernelError with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): error is KernelError {
  return error instanceof KernelError && codes.includes(error.code)
}
