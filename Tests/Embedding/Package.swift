// swift-tools-version: 6.3
import PackageDescription

/// A program of its own that uses MAOS as a library, as the README shows it.
let package = Package(
    name: "embedding",
    dependencies: [.package(name: "maos", path: "../..")],
    targets: [
        .executableTarget(name: "embedding", dependencies: [.product(name: "MAOSCore", package: "maos")])
    ],
    swiftLanguageModes: [.v6]
)
