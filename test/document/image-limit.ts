/** Bytes of all layers of the image, unpacked: what it takes of a node's disk. docs/image.md promises it. */
export const IMAGE_LIMIT = 150_000_000
