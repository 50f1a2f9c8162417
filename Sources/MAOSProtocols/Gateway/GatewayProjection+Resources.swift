internal import MAOSCore

extension GatewayProjection {
    /// The resources that documents list; the network is shown where it matters.
    private static let documented: [ResourceKind] = [.cpu, .memory, .gpu, .storage]

    /// Writes an `AllocateResourcesResponse`.
    static func writeAllocated(_ allocation: AllocationRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("allocationId", allocation.id.rawValue)
        writer.beginObject("resources")
        writeMembers(allocation.request.amounts, to: &writer)
        writer.memberIfPresent("network", allocation.request.network)
        writer.member("allocationId", allocation.id.rawValue)
        writer.member("allocatedAt", timestamp: allocation.createdAt.milliseconds)
        writer.memberIfPresent("expiresAt", timestamp: allocation.expiresAt?.milliseconds)
        writer.endObject()
        writer.memberIfPresent("expiresAt", timestamp: allocation.expiresAt?.milliseconds)
        writer.endObject()
    }

    /// Writes an `AllocationSummary`.
    static func writeSummary(_ allocation: AllocationRecord, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("allocationId", allocation.id.rawValue)
        writer.member("requestId", allocation.request.requestID)
        writer.member("owner", allocation.owner)
        writer.memberIfPresent("team", allocation.team)
        writer.memberIfPresent("project", allocation.project)
        writer.member("status", allocation.status.name)
        writer.member("priority", allocation.request.priority.name)
        writer.beginObject("resources")
        writeMembers(allocation.request.amounts, to: &writer)
        writer.memberIfPresent("network", allocation.request.network)
        writer.endObject()
        writer.member("constraints", allocation.request.constraints)
        writer.member("createdAt", timestamp: allocation.createdAt.milliseconds)
        writer.memberIfPresent("expiresAt", timestamp: allocation.expiresAt?.milliseconds)
        writer.memberIfPresent("endedAt", timestamp: allocation.endedAt?.milliseconds)
        writer.endObject()
    }

    /// Writes a `ResourceUsageResponse`.
    static func write(_ report: ResourceReport, to writer: inout JSONWriter) {
        let total: ResourceAmounts = report.capacity ?? report.allocated
        writer.beginObject()
        for (name, amounts) in [
            ("total", total), ("allocated", report.allocated), ("available", total - report.allocated),
        ] {
            writer.beginObject(name)
            writeMembers(amounts, to: &writer)
            if total[.network] > 0 { writer.member("network", amounts.amount(of: .network)) }
            writer.endObject()
        }
        writer.beginObject("utilization")
        for kind: ResourceKind in documented + (total[.network] > 0 ? [.network] : []) {
            let whole: Double = total.amount(of: kind)
            writer.member(kind.name, whole == 0 ? 0 : min(1, report.allocated.amount(of: kind) / whole))
        }
        writer.endObject()
        writer.beginArray("allocations")
        for allocation: AllocationRecord in report.allocations { writeSummary(allocation, to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    /// Writes `ResourceQuotas`, with what is taken of them and which are exceeded.
    static func write(_ report: QuotaReport, to writer: inout JSONWriter) {
        writer.beginObject()
        for scope: QuotaScope in QuotaScope.allCases {
            writer.beginObject(scope.name)
            for entry: QuotaReport.Entry in report.entries where entry.key.scope == scope {
                writer.beginObject(entry.key.id)
                for kind: ResourceKind in ResourceKind.allCases {
                    writer.memberIfPresent(kind.name, entry.limits.amount(of: kind))
                }
                writer.memberIfPresent("maxAgents", entry.limits.agents)
                writer.memberIfPresent("maxTasks", entry.limits.tasks)
                writer.endObject()
            }
            writer.endObject()
        }
        writer.beginObject("usage")
        for scope: QuotaScope in QuotaScope.allCases {
            writer.beginObject(scope.name)
            for entry: QuotaReport.Entry in report.entries where entry.key.scope == scope {
                writer.beginObject(entry.key.id)
                writeMembers(entry.amounts, to: &writer)
                writer.member("network", entry.amounts.amount(of: .network))
                writer.member("agents", entry.agents)
                writer.member("tasks", entry.tasks)
                writer.endObject()
            }
            writer.endObject()
        }
        writer.endObject()
        writer.beginArray("exceeded")
        for excess: QuotaReport.Excess in report.excesses {
            writer.beginObject()
            writer.member("scope", excess.key.scope.name)
            writer.member("id", excess.key.id)
            writer.member("resource", excess.resource)
            writer.member("limit", excess.limit)
            writer.member("inUse", excess.inUse)
            writer.member("message", "Nothing more is given until there is less in use")
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func writeMembers(_ amounts: ResourceAmounts, to writer: inout JSONWriter) {
        for kind: ResourceKind in documented { writer.member(kind.name, amounts.amount(of: kind)) }
    }
}
