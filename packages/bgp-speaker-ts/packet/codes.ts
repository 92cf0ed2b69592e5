// Numbers of the protocol: message types, NOTIFICATION codes, attribute types, address families (IANA "BGP Parameters").

export const HEADER_LENGTH = 19
export const MAX_LENGTH = 4096
/** RFC 8654. */
export const MAX_EXTENDED_LENGTH = 65535

export const MESSAGE = { OPEN: 1, UPDATE: 2, NOTIFICATION: 3, KEEPALIVE: 4, ROUTE_REFRESH: 5 } as const

/** Error codes of NOTIFICATION (RFC 4271 4.5, RFC 7313). */
export const ERROR = {
  HEADER: 1,
  OPEN: 2,
  UPDATE: 3,
  HOLD_TIMER: 4,
  FSM: 5,
  CEASE: 6,
  ROUTE_REFRESH: 7,
  SEND_HOLD_TIMER: 8,
} as const

export const HEADER_ERROR = { NOT_SYNCHRONIZED: 1, BAD_LENGTH: 2, BAD_TYPE: 3 } as const
export const OPEN_ERROR = {
  UNSPECIFIC: 0,
  VERSION: 1,
  PEER_AS: 2,
  BGP_IDENTIFIER: 3,
  OPTIONAL_PARAMETER: 4,
  HOLD_TIME: 6,
  CAPABILITY: 7,
  /** RFC 9234. */
  ROLE_MISMATCH: 11,
} as const
export const UPDATE_ERROR = {
  ATTRIBUTE_LIST: 1,
  UNRECOGNIZED_WELL_KNOWN: 2,
  OPTIONAL_ATTRIBUTE: 9,
  NETWORK_FIELD: 10,
} as const
/** RFC 6608. */
export const FSM_ERROR = { UNSPECIFIC: 0, IN_OPEN_SENT: 1, IN_OPEN_CONFIRM: 2, IN_ESTABLISHED: 3 } as const
/** RFC 4486, RFC 8538. */
export const CEASE = {
  MAX_PREFIXES: 1,
  ADMINISTRATIVE_SHUTDOWN: 2,
  PEER_DECONFIGURED: 3,
  ADMINISTRATIVE_RESET: 4,
  CONNECTION_REJECTED: 5,
  CONFIGURATION_CHANGE: 6,
  COLLISION: 7,
  OUT_OF_RESOURCES: 8,
  HARD_RESET: 9,
  BFD_DOWN: 10,
} as const

export const AFI = { IPV4: 1, IPV6: 2 } as const
export const SAFI = { UNICAST: 1 } as const

export const ATTRIBUTE = {
  ORIGIN: 1,
  AS_PATH: 2,
  NEXT_HOP: 3,
  MED: 4,
  LOCAL_PREF: 5,
  ATOMIC_AGGREGATE: 6,
  AGGREGATOR: 7,
  COMMUNITIES: 8,
  ORIGINATOR_ID: 9,
  CLUSTER_LIST: 10,
  MP_REACH: 14,
  MP_UNREACH: 15,
  EXTENDED_COMMUNITIES: 16,
  AS4_PATH: 17,
  AS4_AGGREGATOR: 18,
  LARGE_COMMUNITIES: 32,
  /** RFC 9234. */
  ONLY_TO_CUSTOMER: 35,
} as const

export const FLAG = { OPTIONAL: 0x80, TRANSITIVE: 0x40, PARTIAL: 0x20, EXTENDED: 0x10 } as const

/** Replaces an AS number of more than two bytes where only two fit (RFC 6793). */
export const AS_TRANS = 23456

export const SEGMENT = { SET: 1, SEQUENCE: 2, CONFED_SEQUENCE: 3, CONFED_SET: 4 } as const

/** Address family and subsequent address family as numbers. */
export interface AfiSafi {
  readonly afi: number
  readonly safi: number
}
