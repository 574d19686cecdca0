/** Has the server look for mistakes in a workflow while somebody writes it. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { api, data } from '../../api/client'
import { useProduct } from '../../product'
import { useSettled } from '../../ui/use-settled'
import type { Mistake } from './group-api'
import { parse } from './workflow'

const NONE: Mistake[] = []

/** The mistakes of a workflow's text, and whether it may be sent. */
export function useWorkflowCheck(text: string) {
  const { org, product } = useProduct()
  const settled = useSettled(text)
  const { workflow, problem } = useMemo(() => parse(settled), [settled])
  const check = useQuery<Mistake[]>({
    queryKey: ['workflow-check', org, product, settled],
    enabled: workflow !== null,
    staleTime: Infinity,
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) => {
      // What is no object is a mistake that the check answers, too, but its body takes objects only.
      if (typeof workflow !== 'object' || Array.isArray(workflow)) return [{ path: '', message: 'must be an object' }]
      return data(
        api.POST('/api/orgs/{org}/products/{product}/workflows/check', { params: { path: { org, product } }, body: { workflow } as never, signal }),
      )
    },
  })
  const mistakes = useMemo(
    () => (problem ? [{ path: '', message: problem }] : workflow === null ? NONE : (check.data ?? NONE)),
    [problem, workflow, check.data],
  )
  const checked = settled === text && (problem !== null || workflow === null || (check.isSuccess && !check.isPlaceholderData))
  return { mistakes, checked, fine: checked && mistakes.length === 0, error: check.error }
}

export type WorkflowCheck = ReturnType<typeof useWorkflowCheck>
