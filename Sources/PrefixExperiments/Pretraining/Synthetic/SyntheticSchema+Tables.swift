extension SyntheticSchema {
    /// name @ kind of its names @ attributes.
    static let topicLines = """
        restaurant@title@area food price rating street chef seats dish town near open founded
        hotel@title@area stars rooms price town near owner founded view open rating
        museum@title@area exhibit visitors fee town founded director open country architect
        film@title@genre director year lead minutes language studio award country rating
        mountain@title@height country range climbed climber snow rock season near
        company@title@product headquarters founded employees owner country revenue motto rating
        book@title@genre author year pages publisher language setting award country price
        river@title@length country source mouth fish bridges width season town
        ship@title@built length captain cargo port speed crew country colour
        city@town@country population mayor founded landmark climate river airportcode product
        person@person@job birthplace birthyear employer hobby language pet award residence
        song@title@singer genre year minutes album language writer award
        game@title@genre players studio year age price minutes rating
        phone@code@brand screen colour price battery memory year camera
        car@title@brand colour speed engine price year seats country
        dish@title@ingredient country taste price minutes chef calories drink
        plant@title@colour height season climate country leaf discovered use
        animal@title@diet habitat weight lifespan country colour speed enemy
        school@title@head pupils town founded language motto sport street
        team@title@sport coach stadium founded colour town captain wins
        airport@title@airportcode town runways passengers founded country airline
        bridge@title@length river built architect town material toll height
        program@title@language author year licence version purpose platform price
        painting@title@painter year museum colour width price technique subject
        festival@title@month town visitors founded food sponsor minutes fee motto
        park@title@area size town founded tree open fee animal
        shop@title@product owner street open town rating founded discount
        planet@title@diameter moons discovered climate distance colour discoverer
        train@code@departure destination speed seats price minutes operator colour
        recipe@title@ingredient minutes servings author country taste calories tool
        """

    /// identifier @ key in records @ kind of value @ verb phrases, % for the value.
    static let attributeLines = """
        area@area@riverside,city centre,old town,harbour,market square,university quarter,north side,south side,west end,east end,suburbs,station district,castle hill,garden district,industrial zone@is located in the %/lies in the % area/can be found in the %/stands in the %
        food@food@Italian,French,Indian,Chinese,Japanese,Mexican,Greek,Thai,Turkish,Spanish,Lebanese,Korean,English,vegan,Peruvian,seafood,Ethiopian@serves % food/offers % cuisine/is known for % cooking
        price@price@money:3-990@costs %/has a price of %/can be had for %
        rating@rating@1 out of 5,2 out of 5,3 out of 5,4 out of 5,5 out of 5,low,average,high,excellent,poor,superb@has a rating of %/is rated %/received a % rating
        street@address@street@stands at %/has its address at %/can be visited at %
        chef@chef@person@employs the chef %/has % as chef/is run by the cook %
        seats@seats@number:2-320@has % seats/offers % seats/can seat % people
        dish@speciality@phrase@is famous for its %/recommends the %/is proud of its %
        town@town@town@is based in %/is in the town of %/belongs to %
        near@near@title@is close to %/lies near %/is next to %
        open@opening day@Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday,weekends,weekdays,holidays@is open on %/opens its doors on %/welcomes guests on %
        founded@founded@year@was founded in %/was established in %/has existed since %
        stars@stars@one,two,three,four,five,six@has % stars/was awarded % stars/is a house of % stars
        rooms@rooms@number:4-900@has % rooms/contains % rooms/counts % rooms
        owner@owner@person@is owned by %/belongs to the family of %/has % as its owner
        view@view@mountains,sea,lake,park,cathedral,harbour,old bridge,vineyards,desert,golf course@has a view of the %/looks out on the %/faces the %
        exhibit@exhibit@phrase@shows a famous %/is home to the %/displays the rare %
        visitors@visitors@number:1-900: thousand@attracts % visitors/draws % guests/is seen by % people a year
        fee@fee@money:1-60@charges an entry fee of %/asks % at the door/can be entered for %
        director@director@person@was directed by %/is led by the director %/has % as director
        architect@architect@person@was designed by %/is the work of the architect %/was drawn by %
        genre@genre@comedy,drama,horror,romance,mystery,fantasy,adventure,satire,thriller,western,folk,jazz,puzzle,war,crime@belongs to the % genre/is a work of %/counts as %
        year@year@year@came out in %/appeared in %/was released in %
        lead@star@person@stars %/has % in the leading role/features the actor %
        minutes@duration@number:2-240: minutes@lasts %/takes %/has a duration of %
        language@language@English,French,German,Spanish,Arabic,Hindi,Swahili,Latin,Dutch,Polish,Welsh,Finnish,Korean,Persian@uses the % language/speaks %/is known in %
        studio@studio@title@was made by the studio %/comes from the workshop of %/was produced at %
        award@award@title@won the % prize/received the % award/was honoured with the % medal
        height@height@number:2-8900: metres@is % high/rises to %/reaches a height of %
        country@country@country@is found in %/comes from %/is from the country of %
        range@range@title@is part of the % range/belongs to the chain called %/rises among the peaks of %
        climbed@first climbed@year@was first climbed in %/was conquered in %/saw its first ascent in %
        climber@climber@person@was first climbed by %/was conquered by the climber %/owes its fame to %
        snow@snow@no snow,light snow,deep snow,wet snow,summer snow,eternal snow@is covered with %/is known for %/carries %
        rock@rock@granite,limestone,basalt,sandstone,slate,marble,chalk,gneiss,quartz@is made of %/consists of %/is built from %
        season@season@spring,summer,autumn,winter,the dry season,the rainy season@is best visited in %/is at its best in %/attracts people in %
        product@product@phrase@makes %/sells %/is known for making %
        headquarters@headquarters@town@has its headquarters in %/is managed from %/has its main office in %
        employees@employees@number:3-9900@employs % people/has % workers/gives work to % people
        revenue@revenue@number:1-980: million@earns % a year/has a revenue of %/reports sales of %
        motto@motto@phrase@has the motto "%"/uses the slogan "%"/lives by the words "%"
        author@author@person@was written by %/is the work of %/has % as its author
        pages@pages@number:40-1200@has % pages/runs to % pages/fills % pages
        publisher@publisher@title@was published by %/came out with the publisher %/was printed by %
        setting@setting@town@is set in %/takes place in %/plays in the streets of %
        length@length@number:9-3900: metres@is % long/measures %/has a length of %
        source@source@title@rises at %/has its source at %/begins near %
        mouth@mouth@title@flows into %/ends at %/empties into %
        fish@fish@trout,salmon,pike,carp,eel,perch,bream,sturgeon,catfish@is rich in %/is full of %/is known for its %
        bridges@bridges@number:1-90@is crossed by % bridges/has % bridges/passes under % bridges
        width@width@number:2-990: feet@is % wide/has a width of %/spreads over %
        built@built@year@was built in %/was completed in %/dates from %
        captain@captain@person@is commanded by %/is led by captain %/sails under %
        cargo@cargo@phrase@carries %/transports %/is loaded with %
        port@home port@town@has its home port in %/is registered in %/sails from %
        speed@speed@number:4-390: km/h@travels at %/reaches a speed of %/can move at %
        crew@crew@number:2-490@has a crew of %/needs % sailors/is worked by % hands
        colour@colour@red,blue,green,white,black,yellow,grey,orange,purple,brown,silver,gold,pink,turquoise@is painted %/comes in %/has a % colour
        population@population@number:1-990: thousand@has a population of %/is home to % people/counts % inhabitants
        mayor@mayor@person@is governed by mayor %/has % as mayor/elected % as its mayor
        landmark@landmark@title@is famous for %/boasts the landmark %/is known for the sight of %
        climate@climate@mild,dry,humid,tropical,arctic,temperate,windy,stormy,hot,cold@has a % climate/enjoys % weather/lives with a % climate
        river@river@title@lies on the %/crosses the water of the %/stands by the banks of the %
        airportcode@code@code@has the code %/is listed under %/uses the short name %
        job@job@teacher,doctor,nurse,painter,engineer,baker,farmer,lawyer,pilot,writer,actor,singer,chemist,plumber,judge,tailor@works as a %/earns a living as a %/is employed as a %
        birthplace@birthplace@town@was born in %/comes from the town of %/grew up in %
        birthyear@born@year@was born in the year %/came into the world in %/has lived since %
        employer@employer@title@works for %/is paid by %/has a post at %
        hobby@hobby@chess,fishing,running,painting,cooking,sailing,gardening,reading,dancing,climbing,knitting,cycling@enjoys %/spends free time on %/has a passion for %
        pet@pet@phrase@keeps a pet named %/owns an animal called %/lives with a pet called %
        residence@residence@town@lives in %/has a home in %/moved to %
        singer@singer@person@is sung by %/was performed by %/was recorded by %
        album@album@title@is part of the album %/appears on %/opens the record %
        writer@writer@person@was composed by %/has words by %/was created by %
        players@players@number:1-12@is played by % people/needs % players/works with % players
        age@age@number:3-18: years@is meant for the age of %/suits people over %/is allowed from %
        brand@brand@title@was made by %/carries the brand %/is sold by %
        screen@screen@decimal:3-9: inches@has a screen of %/shows pictures on %/measures % across
        battery@battery@number:4-90: hours@runs for % on one charge/has a battery life of %/works for % without power
        memory@memory@number:2-512: GB@has % of memory/stores %/comes with %
        camera@camera@number:2-200: megapixels@has a camera of %/takes pictures of %/sees the world in %
        engine@engine@diesel,electric,petrol,hybrid,hydrogen,steam,gas@has a % engine/is driven by a % motor/runs with % power
        ingredient@ingredient@rice,beans,chicken,mushrooms,garlic,cheese,potatoes,lentils,spinach,lamb,tofu,shrimp,pumpkin,almonds,tomatoes@contains %/is made with %/is based on %
        taste@taste@sweet,sour,salty,bitter,spicy,mild,smoky,fresh,rich,creamy@tastes %/has a % flavour/is described as %
        calories@calories@number:40-990@has % calories/contains % calories/provides % calories
        drink@drink@red wine,white wine,green tea,black coffee,cold beer,apple juice,mint tea,cider,lemonade,sparkling water@is served with %/goes well with %/is eaten with %
        leaf@leaf@round,oval,narrow,heart-shaped,hairy,glossy,thick,feathery,needle-like@has % leaves/grows % leaves/is known by its % leaves
        discovered@discovered@year@was discovered in %/has been known since %/was first described in %
        use@use@medicine,tea,perfume,timber,dye,food,rope,decoration,soap@is used for %/is grown for %/is valued as a source of %
        diet@diet@grass,insects,fish,seeds,fruit,roots,leaves,small birds,mice,honey,plankton@eats %/feeds on %/lives on %
        habitat@habitat@forest,desert,savanna,swamp,mountains,grassland,coral reef,tundra,river bank,caves@lives in the %/inhabits the %/makes its home in the %
        weight@weight@number:1-990: kilograms@weighs %/has a weight of %/reaches % when grown
        lifespan@lifespan@number:2-120: years@lives for %/has a life of %/can grow % old
        enemy@enemy@wolf,eagle,snake,fox,shark,owl,lion,hawk,crocodile,jackal@is hunted by the %/fears the %/flees from the %
        head@head@person@is headed by %/has % as its head/is managed by %
        pupils@pupils@number:20-3900@has % pupils/teaches % children/is attended by % pupils
        sport@sport@football,hockey,tennis,rugby,cricket,volleyball,rowing,basketball,handball,fencing@plays %/is strong in %/competes in %
        coach@coach@person@is coached by %/is trained by %/follows the advice of %
        stadium@stadium@title@plays at %/has its home ground at %/trains at %
        wins@wins@number:1-99@has won % titles/celebrated % victories/holds % cups
        runways@runways@number:1-8@has % runways/operates % runways/uses % runways
        passengers@passengers@number:1-90: million@handles % passengers/serves % travellers/sees % people a year
        airline@airline@title@is the base of %/is used mostly by %/is the home of the airline %
        material@material@steel,stone,wood,iron,concrete,brick,bamboo,glass,bronze@is made of %/was built from %/consists of %
        toll@toll@money:1-40@charges a toll of %/can be crossed for %/asks drivers for %
        licence@licence@free,commercial,academic,open,shared,private,public@has a % licence/is under a % licence/is offered on % terms
        version@version@decimal:1-19@is at version %/has reached version %/was updated to version %
        purpose@purpose@drawing,accounting,translation,chess,music,mail,weather,planning,teaching,navigation@is used for %/was written for %/helps people with %
        platform@platform@phrase@runs on %/needs the system %/works under %
        painter@painter@person@was painted by %/is the work of the painter %/shows the hand of %
        museum@museum@title@hangs in %/is kept at %/can be seen at %
        technique@technique@oil,watercolour,charcoal,ink,fresco,tempera,pastel,acrylic,collage@was done in %/uses the technique of %/is executed in %
        subject@subject@phrase@shows a %/depicts a %/represents a %
        month@month@January,February,March,April,May,June,July,August,September,October,November,December@takes place in %/is held in %/happens every %
        sponsor@sponsor@title@is sponsored by %/is paid for by %/is supported by %
        size@size@number:2-990: acres@covers %/has a size of %/extends over %
        tree@tree@oak,maple,cedar,birch,chestnut,willow,palm,cherry,plane,pine@is planted with % trees/is known for its % trees/is shaded by % trees
        animal@animal@phrase@is home to the %/protects the %/keeps a %
        discount@discount@number:2-75: percent@gives a discount of %/lowers its prices by %/offers % off
        diameter@diameter@number:100-99000: km@has a diameter of %/measures % across/is % thick
        moons@moons@number:1-60@has % moons/is circled by % moons/holds % moons
        distance@distance@number:2-900: light years@is % away/lies at a distance of %/can be reached after %
        discoverer@discoverer@person@was discovered by %/was first seen by %/was found by the astronomer %
        departure@departure@town@leaves from %/starts in %/departs from %
        destination@destination@town@goes to %/arrives in %/travels to %
        operator@operator@title@is operated by %/is run by the line %/is driven by %
        servings@servings@number:1-16@serves % guests/makes % portions/is enough for % people
        tool@tool@pan,oven,pot,grill,blender,wok,steamer,mixer,knife@is cooked with a %/needs a %/is prepared with a %
        """
}
