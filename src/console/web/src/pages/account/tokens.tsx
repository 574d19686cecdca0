/** One's API tokens: for command lines, scripts and pipelines. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Card, Command, Empty, Failure, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import type { Token } from '../org/parts/types'
import { type Asked, NewToken } from './new-token'
import { TokenTable } from './token-table'

const KEY = ['tokens']

export default function Tokens() {
  const { orgs } = useSession()
  const [making, setMaking] = useState(false)
  const tokens = useQuery({ queryKey: KEY, queryFn: () => data(api.GET('/api/users/me/tokens')) })
  const products = useQuery({
    queryKey: ['orgs', 'products'],
    enabled: making,
    queryFn: () => data(api.GET('/api/orgs', { params: { query: { include: 'products' } } })),
  })
  const names = (products.data ?? []).flatMap((org) => (org.products ?? []).map((p) => `${org.name}/${(p as { name: string }).name}`))
  const make = async (body: Asked) => {
    const made = await data(api.POST('/api/users/me/tokens', { body: body as never }))
    await queries.invalidateQueries({ queryKey: KEY })
    return made
  }
  const remove = async (token: Token) => {
    await take(api.DELETE('/api/users/me/tokens/{token}', { params: { path: { token: String(token.id) } } }))
    await queries.invalidateQueries({ queryKey: KEY })
  }
  return (
    <Card title="API tokens" actions={tokens.data?.length !== 0 && <Button onClick={() => setMaking(true)}>New token</Button>}>
      <div className="stack-small">
        <p>
          A token lets a program act as you, with at most your roles. A login of a command line makes one, too; those end after 90 days without a
          use. For a program that should outlast your time here, an organization has service accounts.
        </p>
        {tokens.error && <Failure error={tokens.error} again={() => void tokens.refetch()} />}
        {tokens.isPending && <Skeleton />}
        {tokens.data?.length === 0 && (
          <Empty title="No token yet">
            <p>The command line makes its own when you log in with it, through this browser:</p>
            <Command text={`nervecenter login --server ${shellWord(location.origin)}`} />
            <Button kind="primary" onClick={() => setMaking(true)}>
              New token
            </Button>
          </Empty>
        )}
        {tokens.data && tokens.data.length > 0 && <TokenTable tokens={tokens.data} onDelete={remove} />}
      </div>
      <NewToken open={making} onClose={() => setMaking(false)} make={make} products={names} org={orgs.length === 1 ? orgs[0]?.name : undefined} />
    </Card>
  )
}
