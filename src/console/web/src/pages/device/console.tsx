/** The device's IEx, shared with whoever else looks at it. */
import { TerminalPage } from './terminal-page'

export default function Console() {
  return <TerminalPage kind="console" />
}
