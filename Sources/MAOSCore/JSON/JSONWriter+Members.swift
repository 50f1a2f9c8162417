extension JSONWriter {
    /// Writes a string member.
    public mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    /// Writes a member that is a whole number.
    public mutating func member(_ name: String, _ value: Int) {
        key(name)
        integer(value)
    }

    /// Writes a member that is a whole number.
    public mutating func member(_ name: String, _ value: Int64) {
        key(name)
        integer(value)
    }

    /// Writes a member that is a whole number.
    public mutating func member(_ name: String, _ value: UInt64) {
        key(name)
        integer(value)
    }

    /// Writes a number member.
    public mutating func member(_ name: String, _ value: Double) {
        key(name)
        number(value)
    }

    /// Writes a boolean member.
    public mutating func member(_ name: String, _ value: Bool) {
        key(name)
        boolean(value)
    }

    /// Writes a member of any value.
    public mutating func member(_ name: String, _ value: JSONValue) {
        key(name)
        self.value(value)
    }

    /// Writes a member that is JSON already.
    public mutating func member(_ name: String, _ text: JSONText) {
        key(name)
        raw(text)
    }

    /// Writes a member that is a time in ISO 8601.
    ///
    /// - Parameters:
    ///   - name: The key.
    ///   - milliseconds: Milliseconds since 1970.
    public mutating func member(_ name: String, timestamp milliseconds: Int64) {
        key(name)
        timestamp(milliseconds)
    }

    /// Writes a member that is an array of strings.
    public mutating func member(_ name: String, _ values: [String]) {
        beginArray(name)
        for value in values {
            string(value)
        }
        endArray()
    }

    /// Writes a string member if there is one.
    public mutating func memberIfPresent(_ name: String, _ value: String?) {
        guard let value else { return }
        member(name, value)
    }

    /// Writes a whole-number member if there is one.
    public mutating func memberIfPresent(_ name: String, _ value: Int?) {
        guard let value else { return }
        member(name, value)
    }

    /// Writes a whole-number member if there is one.
    public mutating func memberIfPresent(_ name: String, _ value: Int64?) {
        guard let value else { return }
        member(name, value)
    }

    /// Writes a number member if there is one.
    public mutating func memberIfPresent(_ name: String, _ value: Double?) {
        guard let value else { return }
        member(name, value)
    }

    /// Writes a boolean member if there is one.
    public mutating func memberIfPresent(_ name: String, _ value: Bool?) {
        guard let value else { return }
        member(name, value)
    }

    /// Writes a member that is JSON already if there is one.
    public mutating func memberIfPresent(_ name: String, _ text: JSONText?) {
        guard let text else { return }
        member(name, text)
    }

    /// Writes a time member if there is one.
    ///
    /// - Parameters:
    ///   - name: The key.
    ///   - milliseconds: Milliseconds since 1970.
    public mutating func memberIfPresent(_ name: String, timestamp milliseconds: Int64?) {
        guard let milliseconds else { return }
        member(name, timestamp: milliseconds)
    }
}
