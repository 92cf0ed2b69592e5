import { describeAddresses, describeZones } from '@podroute/address/testing/suite.ts'
import {
  contains,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
  splitZone,
  withoutMapping,
} from './address.ts'

describeAddresses('the BGP speaker', {
  read: parseAddress,
  format: formatAddress,
  plain: (text) => withoutMapping(formatAddress(parseAddress(text)!)),
  network: (text) => {
    const prefix = parsePrefix(text)
    return prefix && formatPrefix(prefix)
  },
  contains: (prefix, address) => contains(parsePrefix(prefix)!, parseAddress(address)!),
})

describeZones('the BGP speaker', splitZone)
