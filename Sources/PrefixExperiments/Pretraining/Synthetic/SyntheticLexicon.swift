/// The word lists behind generated names, values, lists and stories.
///
/// Everything is plain common vocabulary written for this project. Lists are stored as space-separated text because
/// a literal of hundreds of quoted strings reads worse and compiles slower.
package enum SyntheticLexicon {
    static func words(_ text: String) -> [String] {
        text.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    }

    static let onsets = words(
        """
        b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sm sn sp st str sw
        t th tr tw v w y z
        """)

    static let vowels = words("a e i o u a e i o a e ai au ea ee ei ia ie io oa oo ou ue y ay")

    static let codas = words(
        """
        b ck d f g l ld ll lm m mp n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th x z n r l s m t d n r l
        """)

    static let placeEndings = words(
        """
        burg bury by chester cliffe dale don ford ham haven holm hurst land ley mere mond mouth port shire stead
        ton ville wick wood worth
        """)

    static let firstNames = words(
        """
        Ada Alan Alice Amir Ana Anton Ben Bruno Carla Chen Clara Daniel David Dora Elena Elias Emma Erik Eva
        Farah Felix Fiona George Grace Greta Hana Harold Hugo Ida Ines Ivan Jack James Jane Joan Jonas Julia
        Karim Kate Laila Laura Leo Lina Lucas Lucy Maria Mark Marta Max Maya Mina Nadia Nina Noah Nora Olga
        Oliver Omar Oscar Paul Peter Petra Priya Rachel Rafael Rita Robert Rosa Ruth Sam Sara Simon Sofia Stefan
        Tara Theo Thomas Tina Tomas Vera Victor Walter Wei Yara Yuki Zara Zoe
        """)

    static let adjectives = words(
        """
        amber ancient autumn big black blue bold brave bright broad broken bronze busy calm clear clever cold
        copper crimson crooked curious dark deep distant early eastern electric empty endless fair famous fast
        fierce first flying forgotten free fresh gentle giant glass golden grand great green grey happy hidden
        high hollow honest humble hungry iron ivory jolly kind large last late lazy little lonely long lost loud
        low lucky marble merry mighty misty modern narrow new noble northern old open orange painted pale
        patient perfect plain polite proud pure purple quick quiet rapid rare red rich rising round royal rusty
        sacred salty scarlet second secret sharp silent silver simple sleepy slow small smooth soft southern
        spring steady stone strange striped strong summer sunny sweet swift tall tender third tiny velvet violet
        warm western white wide wild winter wise wooden yellow young
        """)

    static let nouns = words(
        """
        acorn anchor angel apple arch arrow aunt badger bakery ball banner barn barrel basket bay beacon bear
        bell bench berry bicycle bird blossom boat bottle box branch brick bridge brook brush bucket button
        cabin cable cake camera candle canyon captain carpet castle cat cedar chain chair chapel cherry chest
        circle clock cloud clover coast coat coin comet compass cook corner cottage cradle crane creek crow
        crown cup curtain dancer dawn deer desert diamond doctor dog door dove dragon dream drum eagle echo elm
        ember engine falcon farm feather fence fern fiddle field finch fire fish flag flame flower flute forest
        fountain fox friend frost fruit galaxy garden gate ghost glove goat goose grape grove guitar hammer
        harbor harp harvest hat hawk hazel hedge hen heron hill hive honey horn horse hour house island ivy jar
        jewel journey judge kettle key king kitchen kite knight ladder lake lamp lantern lark leaf lemon letter
        lily lion lizard lock maple market meadow melon mill mirror moon moose morning moss moth mountain mouse
        needle nest night north oak oar ocean olive onion orchard otter owl palace paper parrot path peach pearl
        pebble pencil pepper piano pigeon pine pilot planet plum pocket pond poppy prince puzzle queen quilt
        rabbit radio rain raven reed ribbon ring road robin rocket roof rose saddle sail salmon sand school sea
        seal seed shadow shell shield signal sister sky snow song sparrow spider spoon square stable star
        station stone storm stream street sun swan table teapot temple thistle thorn thunder tiger tower trail
        train tree trumpet tulip turtle uncle valley vine violin voice wagon wall walnut water wave well whale
        wheel willow wind window wing wolf wren yard
        """)

    static let placeNouns = words(
        """
        Bay Bridge Corner Court Cross Falls Field Gardens Gate Green Grove Harbour Heath Hill Lane Market Park
        Place Point Road Square Street Valley View Walk Wharf
        """)

    static let businessNouns = words(
        """
        Arms Bar Brothers Cellar Collective Company Corner Group House Inn Kitchen Lodge Partners Place Room
        Society Studio Table Trust Works
        """)

    static let functionWords = words(
        """
        a about above after again all always and any as at away because before both but by down each even every
        for friends from here how if in indeed instead it just less many maybe more most much near never next no
        not now of often on once one only or other our out over perhaps quite rather since so some soon still
        such than that the their then there these they this though today together too two under until up very we
        what when where while who why with without yes yet you your
        """)

    static let verbsPast = words(
        """
        admired borrowed bought broke built carried caught chose cleaned counted drew drove dropped examined
        fixed followed found gave guarded heard held hid invented kept lifted lost loved made measured missed
        moved noticed opened painted polished praised pulled pushed remembered repaired saved saw sent shared
        shook showed sketched sold stole studied threw took touched traded valued wanted washed watched
        """)

    static let stores = words(
        """
        attic basement bakery barn boat cabin cellar church garage garden garret hall hotel kitchen library
        market mill museum office park school shed shop stable station theatre tower tunnel village workshop
        """)
}
