/** Boots a machine of the lab on a tap of this network namespace, connects to it again and again, and prints what was sent twice. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { run } from '../../lab/command.ts'
import { bootVm } from '../../lab/node/vm.ts'

const [HOST, GUEST, PORT] = ['172.30.9.1', '172.30.9.2', 8090]
const CONNECTS = 4000
/** A machine that gets no processor for a while answers late, and what was not lost is sent again. */
const ROUNDS = 3

const SERVER = `require('node:net').createServer((socket) => socket.on('error', () => {}).end()).listen(${PORT}, () => console.log('ready'))`

/** Segments that this namespace sent again. */
async function retransmissions(): Promise<number> {
  const lines = (await readFile('/proc/self/net/snmp', 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
  const [names = [], values = []] = lines.map((line) => line.split(' '))
  return Number(values[names.indexOf('RetransSegs')])
}

async function connectOnce(): Promise<void> {
  const socket = connect(PORT, GUEST)
  socket.resume()
  await once(socket, 'close')
}

await run('ip', ['-batch', '-'], {
  input: `link set lo up\ntuntap add dev t0 mode tap\naddress add ${HOST}/24 dev t0\nlink set t0 up\n`,
})
await using vm = await bootVm({ name: 'tap', networks: [{ tap: 't0', mac: '52:54:00:30:09:02' }] })
await vm.run(`link=$(ip -o link show | grep -i 52:54:00:30:09:02 | cut -d: -f2 | tr -d ' ')
  ip link set lo up; ip link set $link up; ip address add ${GUEST}/24 dev $link`)
await new Promise<void>((resolve, reject) => {
  vm.stream([process.execPath, '-e', SERVER], { onStdout: () => resolve(), onStderr: () => {} }).catch(reject)
})
const twice: number[] = []
for (let round = 0; round < ROUNDS && !twice.includes(0); round++) {
  const before = await retransmissions()
  for (let count = 0; count < CONNECTS; count++) await connectOnce()
  twice.push((await retransmissions()) - before)
}
process.stdout.write(`${JSON.stringify(twice)}\n`)
process.exit(0)
