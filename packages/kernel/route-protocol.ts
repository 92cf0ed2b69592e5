/** Our number among the kernel's route protocols (RTPROT): everything that podroute installs carries it, and nothing else is touched. */
export const ROUTE_PROTOCOL = 179
