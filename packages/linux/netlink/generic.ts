/** Generic netlink: families by name (include/uapi/linux/genetlink.h). */
import type { NetlinkSocket } from './socket.ts'
import { putTextAttribute, readAttributes, readU16, reserve, type Writer } from './wire.ts'

const GENL_ID_CTRL = 16
const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR_FAMILY_ID = 1
const CTRL_ATTR_FAMILY_NAME = 2

/** Length of struct genlmsghdr: command, version, two reserved bytes. Attributes follow. */
export const GENL_HEADER = 4

export function writeGenericHeader(w: Writer, command: number, version: number): void {
  const at = reserve(w, GENL_HEADER)
  w.bytes[at] = command
  w.bytes[at + 1] = version
}

/** The message type of a family. @throws KernelError ENOENT when the kernel does not have it or has not loaded it yet */
export async function resolveFamily(socket: NetlinkSocket, name: string): Promise<number> {
  const replies = await socket.exchange({
    call: `CTRL_CMD_GETFAMILY ${name}`,
    type: GENL_ID_CTRL,
    flags: 0,
    // The kernel loads the family's module where it can.
    waits: true,
    body: (w) => {
      writeGenericHeader(w, CTRL_CMD_GETFAMILY, 1)
      putTextAttribute(w, CTRL_ATTR_FAMILY_NAME, name)
    },
  })
  for (const reply of replies) {
    const id = readAttributes(reply.payload, GENL_HEADER).get(CTRL_ATTR_FAMILY_ID)
    if (id) return readU16(id, 0)
  }
  throw new Error(`generic netlink family ${name}: a reply without an id`)
}
