// BGP roles (RFC 9234): what two ASes are to each other, and their numbers in the capability.

/** What we are in the relation to an external peer: its provider, its customer, its equal, the route server of an exchange, or a client of one. */
export type Role = 'provider' | 'rs' | 'rs-client' | 'customer' | 'peer'

/** By their numbers. */
const ROLES: readonly Role[] = ['provider', 'rs', 'rs-client', 'customer', 'peer']

/** The roles that fit each other (section 4.2, table 2). */
const COUNTERPART: Readonly<Record<Role, Role>> = {
  provider: 'customer',
  customer: 'provider',
  rs: 'rs-client',
  'rs-client': 'rs',
  peer: 'peer',
}

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text)
}

export function roleCode(role: Role): number {
  return ROLES.indexOf(role)
}

/** The name of a role's number; undefined: it has none yet. */
export function roleOf(code: number): Role | undefined {
  return ROLES[code]
}

export function fits(ours: Role, theirs: Role): boolean {
  return COUNTERPART[ours] === theirs
}
