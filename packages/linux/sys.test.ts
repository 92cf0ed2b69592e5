import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { KernelError } from './errors.ts'
import {
  AF_INET,
  bind,
  close,
  flock,
  getsockname,
  getsockoptInt,
  LOCK_EX,
  LOCK_NB,
  LOCK_UN,
  O_RDONLY,
  open,
  POLLIN,
  poll,
  pollAsync,
  recv,
  recvAsync,
  recvNow,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOL_SOCKET,
  sendto,
  setsockoptInt,
  socket,
} from './sys.ts'
import { sockaddr } from './tcp-options.ts'

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)

describe('system calls', () => {
  let fd: number

  beforeEach(() => {
    fd = socket(AF_INET, SOCK_DGRAM, 0)
    bind(fd, sockaddr(4, LOOPBACK, 0))
  })

  afterEach(() => close(fd))

  const sendToItself = () => sendto(fd, Uint8Array.of(1, 2, 3), 0, getsockname(fd))

  it('throw the errno of the call that failed, at once or later', async () => {
    expect(() => open('/no/such/file', O_RDONLY)).to.throw(KernelError, 'open: ENOENT: /no/such/file')
    expect(() => recv(-1, new Uint8Array(4)))
      .to.throw(KernelError)
      .with.property('code', 'EBADF')
    const failed = await recvAsync(-1, new Uint8Array(4)).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(KernelError).and.include({ code: 'EBADF', call: 'recv' })
  })

  it('receive what was sent, without waiting where nothing was', async () => {
    const buffer = new Uint8Array(16)
    expect(recvNow(fd, buffer)).to.equal(-1)
    sendToItself()
    expect(recvNow(fd, buffer)).to.equal(3)
    const later = recvAsync(fd, buffer)
    sendToItself()
    expect(await later).to.equal(3)
    expect(Array.from(buffer.subarray(0, 3))).to.deep.equal([1, 2, 3])
  })

  it('wait for a descriptor, at most as long as they are told', async () => {
    expect(poll(fd, POLLIN, 0)).to.equal(0)
    expect(await pollAsync(fd, POLLIN, 1)).to.equal(0)
    sendToItself()
    expect(poll(fd, POLLIN, 0)).to.equal(POLLIN)
    expect(await pollAsync(fd, POLLIN, 1000)).to.equal(POLLIN)
  })

  it('set and read socket options', () => {
    expect(getsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR)).to.equal(0)
    setsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    expect(getsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR)).to.equal(1)
  })

  it('lock a file against others', () => {
    const folder = mkdtempSync(join(tmpdir(), 'podroute-'))
    const path = join(folder, 'lock')
    const O_CREAT = 0o100
    const first = open(path, O_RDONLY | O_CREAT, 0o600)
    const second = open(path, O_RDONLY)
    try {
      flock(first, LOCK_EX | LOCK_NB)
      expect(() => flock(second, LOCK_EX | LOCK_NB))
        .to.throw(KernelError)
        .with.property('code', 'EAGAIN')
      flock(first, LOCK_UN)
      flock(second, LOCK_EX | LOCK_NB)
    } finally {
      close(first)
      close(second)
      rmSync(folder, { recursive: true })
    }
  })
})
