/** The extensions in words. */
export const WORDS: Record<string, string> = {
  geo: 'tells where it is',
  health: 'reports metrics and alarms',
  local_shell: 'gives a shell of its operating system',
  logging: 'sends the lines of its log',
  network_identity: 'tells its keys on other networks',
}

export const NAMES: Record<string, string> = {
  geo: 'Position',
  health: 'Health',
  local_shell: 'Shell',
  logging: 'Logs',
  network_identity: 'Network identities',
}
