/// Loops: rounds over elements, several at a time, or one after the other while a condition holds.
extension Engine {
    mutating func startLoop(_ plan: CompiledWorkflow.LoopPlan, _ ordinal: Int, in live: inout LiveExecution) {
        var inner = LiveExecution.Inner()
        if plan.items != nil {
            switch items(of: plan, ordinal, in: &live) {
            case .failure(let error): return end(ordinal, .failed(error.message), in: &live)
            case .success(let items): inner.items = items
            }
        }
        live.steps[ordinal - 1].inner = inner
        beginRounds(plan, ordinal, after: nil, in: &live)
    }

    /// Why a loop has no elements.
    struct LoopFailure: Error {
        var message: String
    }

    /// The elements of a loop over items.
    func items(
        of plan: CompiledWorkflow.LoopPlan, _ ordinal: Int, in live: inout LiveExecution
    ) -> Result<[JSONValue], LoopFailure> {
        let frame: Int = live.steps[ordinal - 1].frame
        let value: JSONValue
        switch plan.items {
        case nil: return .success([])
        case .expression(let expression)?:
            live.prepare(expression.references, from: frame)
            do throws(ExpressionError) {
                value = try expression.value(in: FlowScope(execution: live, frame: frame))
            } catch {
                return .failure(LoopFailure(message: "items: \(error)"))
            }
        case .template(let template)?:
            do throws(Template.Failure) {
                value = try template.value(in: FlowScope(execution: live, frame: frame))
            } catch {
                return .failure(LoopFailure(message: "items.\(error.path): \(error.error)"))
            }
        }
        guard case .array(let items) = value else {
            return .failure(
                LoopFailure(message: "items: found \(ExpressionEvaluator.kind(of: value)), expected an array"))
        }
        guard items.count <= plan.maximum else {
            return .failure(
                LoopFailure(message: "items: found \(items.count) elements, expected at most \(plan.maximum)"))
        }
        return .success(items)
    }

    /// Begins as many rounds as may run now; ends the loop when there is nothing more to do.
    private mutating func beginRounds(
        _ plan: CompiledWorkflow.LoopPlan, _ ordinal: Int, after ended: Int?, in live: inout LiveExecution
    ) {
        if plan.items != nil {
            while live.record.phase == .normal, let inner: LiveExecution.Inner = live.steps[ordinal - 1].inner,
                inner.stopping == nil, inner.nextRound < inner.items?.count ?? 0, inner.frames.count < plan.atOnce
            {
                let item: JSONValue = inner.items?[inner.nextRound] ?? .null
                beginRound(plan, ordinal, item: item, in: &live)
            }
        } else {
            guard let condition: Expression = plan.condition, let round: Int = live.steps[ordinal - 1].inner?.nextRound
            else { return }
            // The condition sees the steps of the round that has just ended.
            let frame: Int = ended ?? live.steps[ordinal - 1].frame
            live.prepare(condition.references, from: frame)
            let holds: Bool
            do throws(ExpressionError) {
                holds = try condition.holds(in: FlowScope(execution: live, frame: frame, round: round))
            } catch {
                return end(ordinal, .failed("condition: \(error)"), in: &live)
            }
            if holds, round >= plan.maximum {
                return end(
                    ordinal, .failed("The condition still holds after \(plan.maximum) rounds, which is the maximum"),
                    in: &live)
            }
            if holds { beginRound(plan, ordinal, item: .null, in: &live) }
        }
        guard let inner: LiveExecution.Inner = live.steps[ordinal - 1].inner, inner.frames.isEmpty,
            !live.step(ordinal).status.isTerminal, live.record.phase == .normal, inner.stopping == nil
        else { return }
        end(ordinal, .completed(result(of: inner, in: live)), in: &live)
    }

    private mutating func beginRound(
        _ plan: CompiledWorkflow.LoopPlan, _ ordinal: Int, item: JSONValue, in live: inout LiveExecution
    ) {
        let round: Int = live.steps[ordinal - 1].inner?.nextRound ?? 0
        live.steps[ordinal - 1].inner?.nextRound = round + 1
        live.steps[ordinal - 1].inner?.lastOfRound.append(0)
        let number: Int = live.step(ordinal).firstRound + round
        let frame: Int = live.makeFrame(region: plan.region, owner: ordinal, round: number, item: item, atOnce: .max)
        enterEntries(of: frame, in: &live)
    }

    /// A round of a loop has ended well.
    mutating func roundEnded(_ frame: Int, in live: inout LiveExecution) {
        let ordinal: Int = live.frames[frame].owner
        guard case .loop(let plan) = live.plan(of: ordinal).kind else { return }
        let index: Int = live.frames[frame].round - live.step(ordinal).firstRound
        live.steps[ordinal - 1].inner?.lastOfRound[index] = live.frames[frame].last
        beginRounds(plan, ordinal, after: frame, in: &live)
    }

    /// What each round has given, in order.
    private func result(of inner: LiveExecution.Inner, in live: LiveExecution) -> JSONText? {
        var writer = JSONWriter()
        writer.beginArray()
        var size: Int = 0
        for ordinal: Int in inner.lastOfRound {
            let result: JSONText = (ordinal > 0 ? live.step(ordinal).result : nil) ?? JSONText(.null)
            size += result.utf8.count
            guard size <= WorkflowLimits.combinedResult else { return nil }
            writer.raw(result)
        }
        writer.endArray()
        return writer.takeText()
    }
}
