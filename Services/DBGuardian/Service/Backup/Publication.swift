import EverlineProtocol
import Foundation

/// The end of every backup: all of it is read back from each repository, and only then is it seen.
struct Publication: Sendable {
    private let room: JobRoom

    init(_ room: JobRoom) { self.room = room }

    func publish(_ manifest: BackupManifest) throws {
        for repository in room.repositories.all {
            let catalogue = Catalogue(repository.system(manifest.system))
            let folder = "\(catalogue.system.backups)/\(manifest.id)"
            for file in manifest.files {
                room.progress.step(.readingBack, ["file": .text(file.name)])
                var bytes = 0
                let found = try repository.decode("\(folder)/\(file.name)") { bytes += $0.count }
                guard found != nil, bytes == file.bytes else {
                    throw DamageError(
                        "\(repository.storage.place)/\(folder)/\(file.name)", "it does not read back as it was written")
                }
            }
            try catalogue.note(
                BackupFinding(at: Timestamp.now.description, ok: true, problems: []), BackupFinding.verifiedName, of: manifest.id)
            try catalogue.publish(manifest)
        }
    }
}
