// swift-tools-version: 6.3
import PackageDescription

/// Settings of every Swift target; a target may add to them, never take away.
let house: [SwiftSetting] =
    [
        "ExistentialAny", "InternalImportsByDefault", "MemberImportVisibility",
        "NonisolatedNonsendingByDefault", "InferIsolatedConformances", "ImmutableWeakCaptures",
    ].map { .enableUpcomingFeature($0) }
    + [.enableExperimentalFeature("Lifetimes"), .treatAllWarnings(as: .error)]

/// A library that makes no system calls: strict memory safety on top of the house settings.
func pure(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house + [.strictMemorySafety()])
}

func library(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func program(_ name: String, path: String? = nil, _ dependencies: Target.Dependency...) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["MAOSTestSupport"], exclude: ["Fixtures"], swiftSettings: house)
}

let package = Package(
    name: "maos",
    products: [
        .library(name: "MAOSCore", targets: ["MAOSCore"]),
        .library(name: "MAOSProtocols", targets: ["MAOSProtocols"]),
        .library(name: "MAOSSystem", targets: ["MAOSSystem"]),
        .library(name: "MAOSStore", targets: ["MAOSStore"]),
        .library(name: "MAOSAgents", targets: ["MAOSAgents"]),
        .library(name: "MAOSTransport", targets: ["MAOSTransport"]),
        .executable(name: "maos-server", targets: ["maos-server"]),
        .executable(name: "maos-cli", targets: ["maos-cli"]),
    ],
    traits: [
        .trait(name: "EngineFaults", description: "Deliberate mistakes in the engine, for the simulation to find"),
        .default(enabledTraits: []),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),

        pure("MAOSCore"),
        pure("MAOSProtocols", "MAOSCore"),
        library("MAOSSystem", "CLinux"),
        library("MAOSStore", "MAOSCore", "MAOSSystem", "CLinux", "CSQLite"),
        library("MAOSAgents", "MAOSCore", "MAOSSystem", "CLinux"),
        library("MAOSTransport", "MAOSCore", "MAOSProtocols", "MAOSSystem", "CLinux", "COpenSSL", "CZlib"),

        program("maos-server", "MAOSCore", "MAOSProtocols", "MAOSStore", "MAOSAgents", "MAOSTransport", "MAOSSystem"),
        program("maos-cli", "MAOSCore", "MAOSProtocols", "MAOSAgents", "MAOSTransport", "MAOSSystem"),
        program("maos-conformance", "MAOSProtocols", "MAOSTransport", "MAOSSystem"),
        program(
            "maos-bench", path: "Benchmarks/maos-bench",
            "MAOSCore", "MAOSProtocols", "MAOSStore", "MAOSAgents", "MAOSTransport", "MAOSSystem", "CLinux", "CSQLite"),

        .target(
            name: "MAOSTestSupport", dependencies: ["MAOSCore", "MAOSSystem", "CLinux", "CSQLite"],
            path: "Tests/MAOSTestSupport",
            swiftSettings: house),
        .target(name: "MAOSSimulation", dependencies: ["MAOSCore"], path: "Tests/MAOSSimulation", swiftSettings: house),
        program("maos-simulate", path: "Tests/maos-simulate", "MAOSCore", "MAOSSimulation"),
        tests("MAOSCoreTests", "MAOSCore", "MAOSSimulation"),
        tests("MAOSSystemTests", "MAOSSystem", "CLinux"),
        tests("MAOSProtocolsTests", "MAOSCore", "MAOSProtocols"),
        tests("MAOSStoreTests", "MAOSCore", "MAOSStore", "MAOSSystem", "CSQLite"),
        tests("MAOSAgentsTests", "MAOSCore", "MAOSAgents", "MAOSSystem"),
        tests("MAOSTransportTests", "MAOSCore", "MAOSProtocols", "MAOSTransport", "MAOSSystem"),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["MAOSCore", "MAOSSimulation", "MAOSStore", "MAOSTestSupport", "CSQLite"],
            swiftSettings: house),
        .testTarget(
            name: "CommandLineTests", dependencies: ["maos-cli", "MAOSCore", "MAOSTestSupport"], swiftSettings: house),
        tests("EndToEndTests", "MAOSCore", "MAOSProtocols", "MAOSTransport", "MAOSSystem"),
    ],
    swiftLanguageModes: [.v6]
)
