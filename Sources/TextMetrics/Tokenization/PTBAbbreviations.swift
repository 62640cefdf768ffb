/// The abbreviations whose stop belongs to the word, in lower case.
enum PTBAbbreviations {
    /// Recognised before anything.
    static let beforeLowercase = words(
        "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri",
        "ala ariz calif colo conn ct dak fla ga ind kan kans ky md mich minn mo mont neb nev okla penn tenn va vt wis wisc wyo",
        "inc co cos corp pty ptys pte ptes ppty ppte pptys pptes ltd plc rt bancorp bhd assn univ intl sys",
        "tel est ext sq jr sr bros blvd rd esq etc al seq bldg")

    /// Recognised only with a capital, because they are also common words.
    static let ifCapitalized = words("az ark del ill la mass miss ore pa tex wash")

    /// Titles and the like, which names follow.
    static let beforeNames = words(
        "mr mrs ms dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm rev maj sgt cpl pvt capt st ste",
        "ave pres lieut hon brig cmdr comdr pfc spc supt supts det mt ft adj adv asst assoc ens insp mlle mme msgr sfc",
        "invt elec natl mfg mtg dept vs alex wm jos cie cf treas ph")

    /// Recognised only before a number.
    static let beforeNumbers = words("ca fig figs prop no nos art bldg pp op")

    /// Words that, capitalised after a single letter and a stop, open a new sentence.
    static let sentenceOpeners = words(
        "about according additionally after an a as at but earlier he her here however if in it last many more now once one other",
        "our she since so some such that the their then there these they this we when while what yet you")

    private static func words(_ lines: String...) -> Set<String> {
        Set(lines.flatMap { $0.split(separator: " ").map { String($0) } })
    }
}
