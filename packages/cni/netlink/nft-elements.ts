// Elements of nftables sets by netlink, as the bytes of their keys.

import {
  attribute,
  attributeList,
  attributes,
  type Bytes,
  bytes,
  bytesOf,
  cString,
  type Message,
  NLM_F_CREATE,
  nested,
  type Request,
  u16,
} from './wire.ts'

const SUBSYSTEM = 10
const NEWSETELEM = 12
const GETSETELEM = 13
const DELSETELEM = 14

const LIST_TABLE = 1
const LIST_SET = 2
const LIST_ELEMENTS = 3
const LIST_ELEM = 1
const ELEM_KEY = 1
const DATA_VALUE = 1
const NESTED = 0x8000
const NESTED_ELEM = u16(LIST_ELEM | NESTED)
const NESTED_KEY = u16(ELEM_KEY | NESTED)
const VALUE = u16(DATA_VALUE)

/** As in nftables.ts. */
interface Table {
  readonly family: number
  readonly name: string
}

/** Elements of one set. */
export interface SetKeys {
  readonly set: string
  readonly keys: readonly Bytes[]
}

const message = (type: number, table: Table, flags: number, set: string, ...more: Bytes[]): Request => ({
  type: (SUBSYSTEM << 8) | type,
  flags,
  body:
    bytes(table.family, 0, 0, 0) +
    attribute(LIST_TABLE, cString(table.name)) +
    attribute(LIST_SET, cString(set)) +
    more.join(''),
})

/** Headers of an attribute in an attribute in an attribute, before a value of that many bytes. */
const elementHeader = (length: number): Bytes =>
  u16(length + 12) + NESTED_ELEM + u16(length + 8) + NESTED_KEY + u16(length + 4) + VALUE

/** Keys of one set are as long as each other, in whole words: one header does for all. */
function elements(keys: readonly Bytes[]): Bytes {
  const header = elementHeader(keys[0]!.length)
  return nested(LIST_ELEMENTS, header + keys.join(header))
}

/** What is there already is no error. */
export const addElements = (table: Table, { set, keys }: SetKeys): Request =>
  message(NEWSETELEM, table, NLM_F_CREATE, set, elements(keys))

/** Added first: to remove what is gone already is an error, and somebody else may be faster. */
export const removeElements = (table: Table, { set, keys }: SetKeys): Request[] => [
  addElements(table, { set, keys }),
  message(DELSETELEM, table, 0, set, elements(keys)),
]

/** To be sent as a dump. */
export const listElements = (table: Table, set: string): Request => message(GETSETELEM, table, 0, set)

/** The keys that a dump has brought. */
export function readKeys(messages: readonly Message[]): Bytes[] {
  const keys: Bytes[] = []
  for (const { body } of messages) {
    const list = attributes(body, 4).get(LIST_ELEMENTS)
    for (const [, element] of list === undefined ? [] : attributeList(list, 0)) {
      const key = attributes(element, 0).get(ELEM_KEY)
      const value = key && attributes(key, 0).get(DATA_VALUE)
      if (value !== undefined) keys.push(bytesOf(value))
    }
  }
  return keys
}
