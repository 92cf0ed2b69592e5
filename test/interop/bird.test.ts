// Our speaker and BIRD 2 (Debian's bird2), each in a network namespace of its own.
import { Bird } from './support/bird.ts'
import {
  authenticates,
  dropsRoutesWithTheSession,
  exchangesRoutes,
  followsChanges,
  securesTtl,
} from './support/exchange.ts'

describe('interop with BIRD', function () {
  this.timeout(60_000)
  const make = () => new Bird()
  exchangesRoutes(make)
  followsChanges(make)
  dropsRoutesWithTheSession(make)
  authenticates(make)
  securesTtl(make)
})
