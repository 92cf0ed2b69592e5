// A system call's failure as the fakes throw it.

export class FakeSystemError extends Error {
  readonly code: string

  constructor(code: string, path = '') {
    super(`${path}: ${code}`)
    this.code = code
  }
}

/** The kernel's numbers, for netlink replies. */
export const ERRNO: Readonly<Record<string, number>> = {
  ENOENT: 2,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
}
