import Configuration
import Foundation
import SystemPackage

/// One key of a service's configuration. The same key is `a.b.c` in the file's nested JSON, `EVERLINE_A_B_C` in the environment and
/// `--a-b-c` on the command line; words within a part (`passwordFile`) are split the same way.
package struct Setting: Sendable {
    package let key: String
    package let fallback: String?
    package let help: String

    /// - Parameter fallback: the value if none is given; `nil` for a key that must be given.
    package init(_ key: String, default fallback: String? = nil, _ help: String) {
        self.key = key
        self.fallback = fallback
        self.help = help
    }

    /// `--a-b-c`
    package var flag: String {
        "--"
            + key.map { character in
                character == "." ? "-" : character.isUppercase ? "-\(character.lowercased())" : "\(character)"
            }.joined()
    }
    /// `EVERLINE_A_B_C`
    package var environment: String {
        "EVERLINE_" + flag.dropFirst(2).uppercased().replacingOccurrences(of: "-", with: "_")
    }
}

/// What is wrong with the configuration, for whoever starts the service.
package struct ConfigurationError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// A service's configuration: flags over environment over file over defaults.
package struct Settings: Sendable {
    package let declared: [Setting]
    /// The file that was read, if there is one.
    package let file: String?
    private let values: [String: String]

    /// - Parameters:
    ///   - arguments: flags, as `--key value` or `--key=value`; others than those declared are refused.
    ///   - file: a JSON file that must exist; without it `EVERLINE_HOME/config/SERVICE.json` is read if it does.
    package init(
        service: String, declared: [Setting], arguments: [String], file: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws {
        self.declared = declared
        try Self.check(arguments, declared)
        let path = file ?? "\(Self.home(environment))/config/\(service).json"
        let exists = FileManager.default.fileExists(atPath: path)
        if let file, !exists { throw ConfigurationError("there is no configuration file \(file)") }
        var providers: [any ConfigProvider] = [
            CommandLineArgumentsProvider(arguments: ["everline"] + arguments),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "everline"),
        ]
        if exists {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw ConfigurationError("\(path) cannot be read as JSON: \(error)")
            }
        }
        self.file = exists ? path : nil
        var values: [String: String] = [:]
        for setting in declared {
            values[setting.key] = try Self.look(setting, providers) ?? setting.fallback
        }
        self.values = values
    }

    /// The folder of a local run.
    package static func home(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        environment["EVERLINE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? ".everline"
    }

    package func optional(_ key: String) -> String? { values[key].flatMap { $0.isEmpty ? nil : $0 } }

    package func string(_ key: String) throws -> String {
        if let value = optional(key) { return value }
        guard let setting = declared.first(where: { $0.key == key }) else { throw ConfigurationError("\(key) is not declared") }
        throw ConfigurationError(
            "\(key) is not set (\(setting.help)). HINT: give it in \(file ?? "a file (--config FILE)"), as \(setting.environment) or \(setting.flag)"
        )
    }

    package func int(_ key: String, in range: ClosedRange<Int>) throws -> Int {
        let text = try string(key)
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(
                "\(key) must be a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return value
    }

    package func port(_ key: String) throws -> Int { try int(key, in: 0...65_535) }

    /// The effective values, one a line. Secrets are never values, only names of files.
    package var listing: String {
        declared.map { "\($0.key) = \(values[$0.key] ?? "")" }.joined(separator: "\n")
    }

    /// The same, by key.
    package var effective: [String: String] { values }

    private static func check(_ arguments: [String], _ declared: [Setting]) throws {
        let flags = Set(declared.map(\.flag))
        for argument in arguments where argument.hasPrefix("--") {
            let flag = String(argument.prefix { $0 != "=" })
            guard flags.contains(flag) else { throw ConfigurationError("unknown option \(flag)") }
        }
    }

    private static func look(_ setting: Setting, _ providers: [any ConfigProvider]) throws -> String? {
        let key = AbsoluteConfigKey(setting.key.split(separator: ".").map(String.init))
        for provider in providers {
            if let text = try? provider.value(forKey: key, type: .string).value?.content, case .string(let value) = text {
                return value
            }
            // A flag with commas is a list to its provider.
            if let list = try? provider.value(forKey: key, type: .stringArray).value?.content,
                case .stringArray(let values) = list
            {
                return values.joined(separator: ",")
            }
            // A number of the file is no text to its provider.
            if let number = try? provider.value(forKey: key, type: .int).value?.content, case .int(let value) = number {
                return "\(value)"
            }
        }
        return nil
    }
}
