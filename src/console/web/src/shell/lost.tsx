/** What stands where a page should: no such page, or one that failed. */
import { Link, type ErrorComponentProps } from '@tanstack/react-router'
import { Problem } from '../api/problem'
import { Empty, Failure, Page } from '../ui/layout'

export function Lost() {
  return (
    <Page title="No such page">
      <Empty title="There is nothing at this address">
        <p>It may have been deleted or renamed, or it belongs to an organization that you are not a member of.</p>
        <p>
          <Link to="/">To your organizations</Link>
        </p>
      </Empty>
    </Page>
  )
}

export function PageFailure({ error, reset }: ErrorComponentProps) {
  if (error instanceof Problem && error.status === 404) return <Lost />
  return (
    <Page title="This page failed">
      <Failure error={error} again={reset} />
    </Page>
  )
}
