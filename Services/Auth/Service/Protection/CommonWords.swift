/// What short passwords are made of, which become long enough by digits and signs: "monkey2024!". Those of four to seven letters out of Openwall's list
/// (see `CommonPasswords`), and some of ours.
enum CommonWords {
    /// Lower case.
    static let all = Set(list.split(whereSeparator: \.isWhitespace).map(String.init))

    private static let list = """
        aaaa aaaaaa aaliyah aaron abacab abbott abby abcd abcde abcdef abcdefg abigail absolut access accord account
        action active acura adam adidas admin adrian adriana adrock africa agent airwolf alaska albert alberto alex
        alexis alfaro alfred alfredo alice alicia alien aliens alina aline alison allegro allen allison allo aloha
        alpha alpine althea altima alyssa amanda amazing amber amelia amelie america amigas amigos amistad amores
        amour anders andre andrea andreea andrei andres andrew andy angel angela angeles angelo angels angie angus
        animal animals anita anna anne anneli annette annie antares anthony antonio apache apollo apple apples april
        aptiva aqua aragorn archie ariana ariane ariel arizona arlene armando arnold arrow arsenal artemis arthur
        artist arturo asdf asdfg asdfgh asdfjkl ashlee ashley ashraf ashton aspen asshole asterix athena attila august
        austin autumn avalon avatar avenger avenir awesome ayelet aylmer babes baby babyboo babyboy babyko bach backup
        badboy badger badgirl bailey baller bambam bambi bamboo banana bananas bandit baraka barbara barbie barn
        barney barrett barry bart bartman basf basil basket bass bastard batista batman bball beaches beagle beaner
        beanie beans bear bears beast beasty beatles beatriz beauty beaver beavis bebe bebita becca beckham beer
        belgium belize bella belle belmont benfica benji benny benoit benson beowulf bernard bernie berry bertha beryl
        best beta betacam betsy betty beyonce bharat bhebhe bianca bichon bigal bigben bigbird bigboss bigdog biggles
        bigmac bigman bigred biker bilbo bill bills billy bimmer bingo binky biochem biology bird birdie birdy biscuit
        bishop bitch biteme bitter blabla black blah blanche blazer blessed blinds bliss blitz blonde blondie blood
        blowjob blowme blue blues bluesky boat bobby bobcat bogart bogey bogus bombay bonita bonjour bonnie bonzo
        boobie booboo booger boogie boomer booster boots bootsie boris bosco boss boston boulder bourbon bowwow boxer
        boxers bozo bradley brain branch brandi brandon brandy braves brazil brenda brent brian brianna bridge bridges
        bright britain britney broken broker bronco bronte brooke brother bruce bruno brutus bryan bubba bubble
        bubbles buck bucks buddha buddy budgie buffalo buffett buffy bugs bugsy bull bulldog bullet bulls bunny burns
        burton buster butch butler butter button buttons buzz byron byteme cactus caesar caitlin calgary calvin camaro
        camay camel camera cameron camila camille camping canada cancer candy canela cannon canon cantik captain
        carbon carl carlos carmen carnage carol carole carolyn carrie carrot carter cascade casey casper cassie castle
        catalog catdog catfish cathy catnip cats cccccc cecile cecilia celeste celica celine celtic celtics cement
        center cesar cessna chacha chad champs chance chanel chang change chantal chaos chapman charger charity
        charles charlie charmed chat cheche cheese chelsea cherry cheryl chess chester chevy chiara chicago chichi
        chicken chico chiefs china chinook chip chivas chloe chris christ christy chronos chubby chuck church cicero
        cinder cindy cinema circuit cirque cirrus civic civil claire clancy clapton clark class claude claudel claudia
        cleo cliff clipper clock cloclo cobain cobra coco cody coffee coke colette colleen college color colors comet
        compaq compton concept connect connie connor conrad content control cook cookie cookies cooking cool cooper
        cooter copper cora corazon corky corona corrado corwin cosmo cosmos cougar cougars country courier cowboy
        cowboys cows coyote cracker craig crazy cricket cross crow crowley cruise crystal cthulhu cuda cuddles cuervo
        cunt cupcake current curtis cuteako cuteme cutie cutlass cyber cyclone cynthia cyrano daddy dagger daily
        daisie daisy dakota dale dallas damian dammit dana dance dancer dancing daniel daniela danny daphne darkman
        darling darren darryl darwin dasha dave david davids dawn daytek dead dean death debbie deborah decker deedee
        delano delete delfin deliver delta demo demon denali denis denise dennis denny depeche derek desert design
        desiree deskjet destiny detroit deutsch devil devine devon dexter dharma diablo diamond diana diane dianne
        dickens diego diesel digger digital dilbert dinamo dipper dirk disco disney dixie dixon doctor dodger dodgers
        dogbert doggy doitnow dollar dollars dolly dolphin dominic domino donald donkey donna doogie dookie doom doors
        dork dorothy doudou doug dougie douglas draft dragon dreamer dreams driver duck duckie dude dudley duke
        dumbass dundee dustin dusty dutch dwight dylan eagle eagles easter eastern eclipse eddie edith edmund eduardo
        edward eeyore effie eieio eight elaine element elijah elissa ella ellen elliot elsie elvis emerald emily
        eminem emmitt empire energy engage england enigma enrique enter entropy eric erika erin escort estelle esther
        etoile eugene europe evelyn excel explore export express faculty faith falcon familia family farmer farout
        farside fashion fatboy fatima faust felipe felix fender fenris ferrari ferret ferris fiction fidel figaro
        finance fiona fire fireman firenze first fish fisher fishes fishie fishing flash fletch fleurs flight flip
        flipper flores florida flower flowers floyd fluffy flute flyboy flyer foobar fool ford forest forever fortune
        forum forward foster foxtrot fozzie france francis frank franka frankie fred freddie freddy free freedom
        freeman french friday friend friends frisco fritz frodo frog froggie froggy frogs fubar fucker fuckme fuckoff
        fucku fuckyou fugazi funguy funtime future fuzz gabby gabriel gaby gaelic galaxy galileo gambit gambler games
        ganda gandako gandalf gangsta garcia garden garlic garnet garth gary gasman gaston gateway gatita gatito gator
        gemini general genesis genius george georgia gerald gerard german germany getout ggeorge ghost giants gibbons
        gibson gigi gilbert gilles ginger giselle gizmo glenn glitter global gloria gmoney goat goaway goblin goblue
        gocougs godiva goethe gofish goforit gold golden golf golfer gollum gone goober good goofy google goose gopher
        gordon grace gracie graham gramps grandma grant graphic gravis gray greed green greg gregory gremlin greta
        gretel gretzky grizzly groovy grover grumpy guess guest guido guitar gumby gundam gunner gustavo hacker haggis
        haha hahaha hailey hallo hamid hamlet hammer hank hanna hannah hansolo hanson happy harley haro harold harriet
        harris harry harvard harvey hawaii hawk hawkeye hayden hazel health heart hearts heather heaven hector heidi
        heikki helen helena helene hell hello help helper helpme hendrix henry herbert herman hermes hermosa hershey
        herzog hilbert hilda hillary hiphop history hithere hitler hobbes hobbit hockey hola holiday holly home homer
        homerj honda honey honeyko hoops hoosier hootie hope horizon hornet horse horses hotdog hotmail hotrod hottie
        house houston howard huang hudson huey hugh hugo hummer hunter huskies ibanez iceman idiot iforget iguana
        ilmari iloveme iloveu image imagine impact impala indian indiana indigo info ingvar inlove insane inside
        insight integra intern iomega ireland irene irina iris irish irmeli ironman isaac isabel isaiah island israel
        italia italy iubire iverson izzy jack jackass jackie jackson jacob jaguar jake jakey jamaica james jamie
        jamjam jane janet janice janine january japan jared jasmin jasmine jason jasper javier jayden jayjay jayson
        jazmin jazz jean jeanne jedi jeff jeffrey jenifer jenni jennie jenny jensen jeremy jerome jerry jersey jesse
        jessica jessie jester jesus jethro jewels jimbo jimbob jimi jimmy joanie joanna joanne joel joelle joey johan
        john johnny johnson jojo joker jordan jordie jorge josee joseph josh joshua josie journey joyce jubilee judith
        judy juhani jules julia julian juliana julie julien juliet julius jumanji jumbo jump junebug junior juniper
        jupiter jussi justice justin justine justme kali karen karin karina karine karla karma kate kathy katie
        katrina kayla kcin keeper keepout keith keller kelly kelsey kendall kennedy kenneth kenny kerala kermit kerrya
        ketchup kevin khan kidder kids killer king kingdom kings kirk kisses kissme kitkat kitten kitty kiwi kkkkkk
        kleenex knicks knight koala koko kombat kramer kris kristen kristi kristin labtec laddie lady ladybug lakers
        lalala lambda lamer lance larry laser laura laurel lauren laurie lawson lawyer leader leaf leanne leblanc
        ledzep legal legend legolas leland lemon leon leonard leslie lestat lester letmein letter letters liberty
        libra library life light lights liliana lilmama lima lincoln linda lindsay lindsey lionel lions lisa little
        lizard lizzie lizzy lloyd logan logger logical logos loki lokita lola lolipop lolita london lonely longer
        looking looney loren lorena lori lorna lorrie loser lost lotus louis louise love lovebug lovely loveme lover
        lovers loves loveu loveya loveyou loving lucas lucia lucifer lucky lucy lulu lupita lynn macha macross maddie
        maddog madison madmax madoka madonna maganda maggie magic magnum mahal mahalko maiden mail mailer mailman
        maine major malcolm maldita malibu mallard mamita manson mantra manuel manutd marc marcel marcos marcus maria
        mariah marian mariana marie marilyn marina marine mariner marino mario marisol marissa mark market marley
        marlon mars mart martha martin marty marvin mary master math matrix matt matthew maurice maxime maxine maxmax
        maxwell mayday mech media medical megan meggie meister melanie melina melissa mellon melody melvin mememe
        memory memphis mensuck meow mercer mercury merde merlin merlot mermaid merrill metal mexico mhine miami miamor
        michael michal micheal michel michele michou mickel mickey micro midori midvale midway mierda miguel mikael
        mike mikey miki milano miles miller millie million mimi mindy mine minnie minou miracle mirage miranda miriam
        mirror misha mishka mission missy misty mitch mmmmmm mmouse mobile modem mojo molly molson mommy monday monet
        money monica monique monkey monkeys monroe monster montana monty moocow mookie moomoo moon moore moose mopar
        morgan moroni morris mother motor mouse movies mowgli mozart muffin mulder murphy murray muscle music musica
        mustang mybaby mylife mylove myself myspace nadia nadine nancy naomi naruto nascar natalia natalie natasha
        nathan nation nautica neil neko nellie nelson nemesis nenita nermal nesbit nesbitt nestle netware network
        newlife newpass news newton newuser newyork nguyen nicarao nichole nick nicolas nicole nigel nike niki nikita
        nikki nimrod nina niners nirvana nissan nisse nite nokia nomore none nopass noriko normal norman norton
        nothing notused nouveau novell noway nugget numbers nurse nursing nutmeg oatmeal oaxaca obiwan ocean october
        ohshit olive oliver olivia olivier ollie olsen omarion omega onelove online open openup opera opus orange
        oranges orchid oregon oreo orion orlando orville oscar otter oxford ozzy paagal pacers pacific packard packer
        packers packrat paint painter paladin paloma pamela pancake panda pandora panget pangit panic pantera panther
        paola papa paris park parker parola parrot partner pasaway pascal pass passion passwd patches patrick patton
        paul paula pauline pavel payton peace peach peaches peanut peanuts pearl pebbles pedro peewee peggy pencil
        penguin penny pentium people pepper pepsi percy perfect perry person pete peter peterk petey petunia phantom
        phil philip philips phish phishy phoenix phone photo piano pianos picard picasso pickle picture pierce pierre
        pigeon piglet pimpin pink pinky pioneer pirate pisces pizza planet plato play playboy player players please
        plus pluto poetic poetry pogiako poiuyt pokemon polar polaris pole police pollito polo pomme pontiac pookey
        pookie poop poopoo popcorn pope popeye poppy porsche porter potter power praise prayer prelude premier preston
        pretty primus prince print prof psalms psycho public puddin pulsar pumpkin punkin puppies puppy purple pussy
        pyramid pyro python qazwsx quality quebec queen queenie quentin quest qwaszx qwer qwert qwerty rabbit racer
        racerx rachel racoon radar radio rafael rafiki raiders rain rainbow raleigh ralph rambo rancid random randy
        ranger rangers raptor raquel rascal ratio raven ravens raymond reality rebecca rebelde reddog redfish redman
        redrum redsox redwing redwood reed reggae reggie regina reliant remote rene renee reptile rescue reznor rhino
        rhonda ricardo richard ricky riley ripper ripple rita river robbie robby robert roberto roberts robin robocop
        roche rock rocket rockie rockon rocky rodeo rodrigo roger rogers roland rolex roman rommel ronald ronaldo roni
        ronnie rookie rose rosebud roses rosie rosita rotimi rouge roxana roxy royal ruby rufus rugby rugger runner
        running rush russell rusty ruth ruthie ryan sabbath sabina sabrina sadie safety saigon sailing sailor saint
        sakura sales sally salmon salut samiam sammie sammy sampson samsam samson samsung samuel sandi sandra sandy
        sanjose santa santos saphire sarah sasha saskia sassy sasuke satori saturn savage saved sayang scarlet school
        science scooby scooter scorpio scotch scott scottie scotty scout scouts scrooge scruffy scuba sean search
        seattle secret seeker seoul serena sergei sergey sergio server service seven sexy sexyme shadow shaggy shakira
        shalom shannon shanny shanti shaolin shark sharon shasta shawn shayne shazam sheba sheena sheila shelby
        shelley shelly shelter sherry ship shirley shit shoes shogun shorty shotgun sidney sierra signal silver silvia
        simba simon simone simple simsim sinatra singer single sirius sister skate skater skeeter skibum skidoo skiing
        skip skipper skippy skull skunk skydive skyler skyline slacker slayer sleepy slick slider slip smegma smile
        smiles smiley smiths smitty smoke smokey smurfy snake snakes snapper snapple sniper snoop snoopy snow snowman
        snowski snuffy soccer soleil solomon sonic sonics sonny sony sophia sophie sound space spain spanky sparkle
        sparks sparky sparrow spartan spazz special speedo speedy spencer sphynx spider spike spirit spock sponge
        spooky spoon sports spot spring sprite spunky spurs squash ssssss stacey stan stanley star stars start starter
        station stealth steaua steel steele stella steph stephen stephi steve steven stevens stewart stimpy sting
        stinky stivers stocks stone storage storm stormy strat strato stretch strong stuart stud student studio stumpy
        stupid success sucker suckme sugar sultan summer summit sunbird sunday sunfire sunny sunrise sunset super
        support supra surf surfer surfing susan susana susanna sutton suzanne suzuki suzy sverige swanson sweden sweet
        sweetie sweets sweety swim swimmer switzer swoosh sydney sylvia sylvie symbol system tabatha taffy taiwan
        talon tamara tammy tamtam tango tanner tanya tapani tara targas target tarheel tarzan tasha tata tatiana
        tattoo taurus taylor tbird teacher teamo tech techno teddy teflon tekiero telecom temp tennis tequila teresa
        terry test tester testi testing texas theatre thebest theboss theend theking theresa thomas thorne thumper
        thunder tiankong tiffany tiger tigers tigger tigre tika timber time timothy tina tinker tintin toby today
        tokyo tomcat tommy tony tool tootsie topcat topgun topher tornado toronto torres toshiba total tototo toucan
        toyota tracy transit trapper trash travel travis trebor tree trees trek trevor tricia tricky trident trinity
        trish tristan triton trixie trojan trophy trouble trout truck trucker truman trumpet tucker tucson tuesday
        tula turbo turtle tweety twinkle twins tyler undead unicorn unique united unity unix upsilon ursula utopia
        vader valeria valerie valley vampire vanessa vanilla vedder velvet venice venus vermont vernon vette vicki
        vicky victor victory video viking vikram vincent violet violin viper virago virgil visa vision visual volcano
        volley volvo voodoo vortex voyager waiting walden waldo walker walleye wally walter wang wanker warlock warner
        warren warrior water watson wayne weasel webster wedge weezer welcome wendy wesley western wheels whisky whit
        white whitney wibble wilbur wildcat will william willie willow willy wilma wilson wind window windows winner
        winnie winona winston winter wisdom wizard woaini wolf wolves wombat wonder woodrow woody word world wright
        xanadu xanth xavier xfiles xxxx xxxxxx yamaha yankee yankees yellow yoda yolanda yomama young yourmom yukon
        yvette yvonne zachary zack zapata zaphod zebra zebras zenith zephyr zepplin zeus zhang ziggy zigzag zoltan
        zombie zoomer zorro zxcvb zxcvbn zxcvbnm
        """
}
