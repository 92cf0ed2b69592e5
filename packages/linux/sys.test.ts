import { expect } from 'chai'
import { KernelError } from './errors.ts'
import {
  AF_INET,
  bind,
  close,
  getsockname,
  getsockopt,
  O_RDONLY,
  open,
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

  it('set and read socket options', () => {
    const value = new Int32Array([-1])
    const read = () => getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Uint8Array(value.buffer))
    expect([read(), value[0]]).to.deep.equal([4, 0])
    setsockoptInt(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    expect([read(), value[0]]).to.deep.equal([4, 1])
  })
})
