package import MAOSSystem

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let base: IPAddress
    private let prefixLength: Int

    /// Reads a range; nil for anything else, a host part that is not zero included.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let width =
            switch address {
            case .v4: 32
            case .v6: 128
            }
        var length = width
        if parts.count == 2 {
            guard parts[1].allSatisfy({ ("0"..."9").contains($0) }), let number = Int(parts[1]), number <= width else {
                return nil
            }
            length = number
        }
        guard AddressRange.masked(address, length) == address else { return nil }
        base = address
        prefixLength = length
    }

    /// Whether an address lies in the range; IPv4 in IPv6 clothes counts as IPv4.
    package func contains(_ address: IPAddress) -> Bool {
        switch (base, address.unmapped) {
        case (.v4, .v4(let number)): AddressRange.masked(.v4(number), prefixLength) == base
        case (.v6, .v6(let high, let low)): AddressRange.masked(.v6(high: high, low: low), prefixLength) == base
        case (.v4, .v6), (.v6, .v4): false
        }
    }

    /// The usual form.
    package var description: String { "\(base)/\(prefixLength)" }

    private static func masked(_ address: IPAddress, _ length: Int) -> IPAddress {
        switch address {
        case .v4(let number): .v4(length == 0 ? 0 : number & (UInt32.max << UInt32(32 - length)))
        case .v6(let high, let low):
            .v6(
                high: length == 0 ? 0 : high & (length >= 64 ? UInt64.max : UInt64.max << UInt64(64 - length)),
                low: length <= 64 ? 0 : low & (UInt64.max << UInt64(128 - length)))
        }
    }
}

/// Who may connect at all: nobody that is denied, and only who is allowed if anybody is listed as allowed.
package struct AddressFilter: Hashable, Sendable {
    /// If any, the only addresses that may connect.
    package var allow: [AddressRange]
    /// Addresses that may not connect.
    package var deny: [AddressRange]

    /// Makes a filter; without ranges it lets everybody in.
    package init(allow: [AddressRange] = [], deny: [AddressRange] = []) {
        self.allow = allow
        self.deny = deny
    }

    /// Whether an address may connect.
    package func admits(_ address: IPAddress) -> Bool {
        guard !deny.contains(where: { $0.contains(address) }) else { return false }
        return allow.isEmpty || allow.contains { $0.contains(address) }
    }
}
