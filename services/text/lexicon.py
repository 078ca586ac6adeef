"""Words that newsrooms put around their stories, in twelve languages: sections, ways back, teasers, credits. Pure data.

en fr de es ru ar zh ja pt it he tr. A line is compared whole or by its beginning or end, never inside.
"""

import re


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for line in text.strip().splitlines() for part in line.split(" | ") if part.strip())


SECTIONS = frozenset(
    _lines("""
    news | latest news | top stories | world | world news | international | politics | business | economy | markets | finance
    money | sport | sports | football | culture | arts | entertainment | lifestyle | life | style | travel | food | health
    science | technology | tech | environment | climate | education | society | opinion | comment | analysis | editorial
    local | local news | national | region | regional | europe | asia | africa | americas | middle east | us | uk | home
    breaking news | headlines | war | crime | justice | media | weather | video | religion | history | property | cars
    actualités | actualité | actu | à la une | monde | politique | économie | entreprises | société | santé | sciences
    environnement | planète | tech & web | technologies | faits divers | régions | sports et loisirs | opinions | idées
    international | france | europe | afrique | culture et loisirs | éducation | médias | justice | voyages | météo
    nachrichten | aktuell | aktuelles | schlagzeilen | welt | ausland | inland | politik | wirtschaft | finanzen | börse
    gesellschaft | kultur | wissen | wissenschaft | technik | netzwelt | digital | gesundheit | umwelt | klima | bildung
    meinung | kommentar | reise | panorama | vermischtes | lokales | regionales | leben | medien | wetter | feuilleton
    noticias | actualidad | últimas noticias | portada | mundo | internacional | política | economía | negocios | sociedad
    deportes | ciencia | tecnología | salud | medio ambiente | educación | opinión | sucesos | viajes | nacional | españa
    américa | gente | estilo de vida | televisión | el tiempo | justicia | medios
    новости | главное | главные новости | последние новости | в мире | мир | политика | экономика | бизнес | финансы
    общество | спорт | культура | наука | наука и техника | технологии | здоровье | экология | образование | мнения
    происшествия | россия | регионы | путешествия | авто | погода | армия | армия и опк | религия | в россии | сми
    أخبار | الأخبار | آخر الأخبار | عاجل | العالم | أخبار العالم | عالم | دولي | دولية | سياسة | اقتصاد | مال وأعمال | رياضة
    ثقافة | فنون | علوم | تكنولوجيا | علوم وتكنولوجيا | صحة | بيئة | تعليم | مجتمع | رأي | آراء | مقالات | محليات | منوعات
    الشرق الأوسط | عربي | حوادث | سفر | طقس | تقنية | السياسة | الاقتصاد | الرياضة | الثقافة | الصحة | المجتمع
    新闻 | 新聞 | 要闻 | 要聞 | 头条 | 國際 | 国际 | 国际新闻 | 国内 | 國內 | 时政 | 政治 | 财经 | 財經 | 经济 | 經濟 | 社会 | 社會 | 体育 | 體育 | 文化
    科技 | 科学 | 科學 | 健康 | 环境 | 環境 | 教育 | 评论 | 評論 | 观点 | 娱乐 | 娛樂 | 旅游 | 旅遊 | 地方 | 军事 | 軍事 | 港澳 | 台湾 | 滚动新闻 | 最新消息
    世界 | 生活 | 房产 | 汽车 | 天气 | 法治 | 首页
    ニュース | 最新ニュース | 主要ニュース | トップ | トップニュース | 国際 | 国際ニュース | 国内 | 政治 | 経済 | 社会 | スポーツ | 文化 | 科学 | 科学・文化
    テクノロジー | 技術 | 医療 | 健康 | 環境 | 教育 | 意見 | 社説 | 地域 | 暮らし | くらし | 生活 | エンタメ | 芸能 | 旅行 | 天気 | 気象 | 事件 | ビジネス | 世界
    notícias | atualidade | atualidades | últimas notícias | mundo | internacional | política | economia | negócios | sociedade
    esportes | desporto | esporte | ciência | tecnologia | saúde | meio ambiente | ambiente | educação | opinião | cultura
    cotidiano | brasil | portugal | cidades | viagem | entretenimento | polícia | nacional | justiça
    notizie | ultime notizie | ultima ora | primo piano | attualità | mondo | esteri | interni | politica | economia
    cronaca | società | sport | cultura | spettacoli | scienza | scienze | tecnologia | salute | ambiente | istruzione
    scuola | opinioni | commenti | viaggi | italia | calcio | finanza | motori | meteo
    חדשות | כותרות | מבזקים | עולם | חדשות העולם | בעולם | פוליטיקה | מדיני | כלכלה | עסקים | ספורט | תרבות | מדע | טכנולוגיה
    בריאות | סביבה | חינוך | חברה | דעות | דעה | מקומי | ארצי | בארץ | ביטחון | צבא וביטחון | משפט | תיירות | בידור | רכב
    haberler | haber | son dakika | gündem | manşet | dünya | siyaset | politika | ekonomi | iş dünyası | spor | kültür
    kültür sanat | kültür-sanat | sanat | bilim | bilim ve teknoloji | teknoloji | sağlık | çevre | eğitim | toplum | yaşam
    görüş | yorum | yerel | türkiye | magazin | seyahat | finans | futbol | hava durumu | güncel | yazarlar
    """)
)
"""Whole lines, casefolded."""

# A way back or onward, as the whole line: "Back to news", "Retour aux actualités".
_BACK = _lines("""
    (?:go )?back(?: to)?(?: the)? (?:news|top|home|homepage|home page|list|overview|section|main page|index|start|all .{2,30}|articles|stories|headlines)
    return to (?:the )?(?:news|home|homepage|top|list|section|main page|front page|headlines) | (?:previous|next) (?:article|story|page|post)
    all (?:news|articles|stories) | more (?:news|stories|articles)(?: .{2,40})? | home | top of page | to the top | skip to (?:main )?content
    retour(?: à| aux| au| vers)? ?(?:la |l['’]|les )?(?:actualités?|actus?|accueil|liste|une|haut(?: de (?:la )?page)?|sommaire|rubrique|articles?|page d['’]accueil)
    (?:article|page) (?:suivante?|précédente?) | haut de page | toutes? (?:les|l['’]) ?(?:actualités?|actus?|articles) | accueil | plus d['’]actualités?
    zurück(?: zu[rm]?| nach)?(?: den| der)? ?(?:nachrichten|übersicht|startseite|liste|news|oben|anfang|artikeln|meldungen|rubrik|aktuelles)
    (?:nächster|vorheriger|voriger) (?:artikel|beitrag) | alle (?:nachrichten|artikel|meldungen) | mehr (?:nachrichten|meldungen|artikel) | nach oben | startseite
    (?:volver|regresar|ir)(?: a| al)?(?: las?| los| el)? ?(?:noticias|actualidad|inicio|portada|lista|arriba|índice|sección|artículos|principal)
    (?:artículo|noticia|página) (?:siguiente|anterior) | todas las noticias | más noticias | inicio
    (?:назад|вернуться|возврат|обратно)(?: к| ко| в| на)? ?(?:новостям|списку|началу|главную|главной|раздел|ленте|статьям|списку новостей|все новости|начало|ленту новостей|ленту)
    все новости | больше новостей | (?:следующая|предыдущая) (?:новость|статья) | наверх | к началу | на главную | к списку новостей
    (?:ال)?(?:عودة|رجوع)(?: إلى| الى| ل)? ?(?:ال|لل)?(?:أخبار|الأخبار|رئيسية|الرئيسية|صفحة الرئيسية|الصفحة الرئيسية|قائمة|القائمة|أعلى|الأعلى) | جميع الأخبار | كل الأخبار | المزيد من الأخبار | الرئيسية
    返回(?:新闻|新聞)?(?:列表|首页|首頁|新闻|新聞|顶部|頂部|上页|上一页|目录|频道|主页|要闻|主頁|栏目|新闻中心)? | 回到?(?:首页|首頁|顶部|頂部|新闻列表|新聞列表|新闻) | 上一篇 | 下一篇 | 更多(?:新闻|新聞|内容)? | 查看更多
    .{0,12}(?:一覧|トップ|ホーム|ニュース|ページ|記事一覧|前のページ|先頭|目次)(?:に|へ)(?:もど|戻)る | (?:次|前)の(?:記事|ページ) | 一覧へ | もっと見る | ページトップへ | 記事一覧
    voltar(?: a| à| às| ao| aos| para)?(?: as?| o)? ?(?:notícias|início|lista|topo|página inicial|home|capa|seção|secção|artigos|atualidades?)
    (?:próxima|anterior) (?:notícia|página) | todas as notícias | mais notícias | início | página inicial
    (?:torna|tornare|ritorna|ritorno|indietro)(?: a| al| alla| alle| agli| all['’])? ?(?:notizie|home|homepage|elenco|inizio|su|lista|prima pagina|articoli|sezione|attualità|pagina iniziale)
    (?:articolo|pagina) (?:successiv[oa]|precedente) | tutte le notizie | altre notizie | torna su
    (?:חזרה|חזור|לחזרה|בחזרה)(?: אל)? ?(?:ל|ה)?(?:חדשות|חדשות ה.{2,12}|דף הבית|ראש העמוד|רשימה|ראשי|עמוד הראשי|למעלה|כתבות|כותרות) | כל החדשות | לכל החדשות | עוד חדשות | לכתבה הבאה | לכתבה הקודמת
    (?:haberlere|ana ?sayfaya|anasayfaya|listeye|başa|gündeme|haber listesine|yukarı|üst(?:e|te)?|geri)(?: geri)? ?(?:dön|dönün|git|çık) | geri dön | tüm haberler | (?:sonraki|önceki) haber | başa dön | ana ?sayfa | daha fazla haber
""")

# A teaser for another story: the line begins so.
_TEASER = _lines("""
    (?:read|see|watch|listen) (?:also|more|next)\\b | also read\\b | read full story | related (?:articles?|stories|news|topics?|coverage|content)\\b | recommended(?: for you| reading| stories)?$ | more on this (?:story|topic) | you may (?:also )?like | most (?:read|popular|viewed)$ | don['’]t miss\\b ?:?
    (?:à )?lire (?:aussi|également|plus)\\b | (?:à )?voir (?:aussi|également)\\b | sur le même (?:sujet|thème) | articles? (?:liés?|similaires?|connexes?)$ | les plus lus$ | en savoir plus$
    (?:lesen sie|mehr) (?:auch|dazu|zum thema|hierzu)\\b | siehe auch\\b | auch interessant\\b | lesen sie (?:auch|mehr)\\b | zum thema\\b ?:? | meistgelesen$ | verwandte (?:artikel|themen)$ | weiterlesen$ | mehr zum thema\\b
    (?:lea|lee|leer|ver|vea) (?:también|además|más)\\b | te puede interesar\\b | le puede interesar\\b | noticias relacionadas | artículos? relacionados? | más leídas?$ | lo más leído$ | más información$
    (?:читайте|смотрите)(?: также| ещё| еще| далее) | читать (?:далее|также|полностью) | (?:материалы|новости) по теме | по теме ?:? | самое читаемое$ | подробнее$ | (?:вам|это) может быть интересно
    (?:اقرأ|إقرأ|اقرأوا|شاهد|انظر|طالع) (?:أيضا|أيضًا|ايضا|أيضاً|المزيد|كذلك) | مواضيع ذات صلة | أخبار ذات صلة | مقالات ذات صلة | الأكثر قراءة$ | قد يهمك | للمزيد$
    相关(?:阅读|新闻|报道|文章|链接) | 相關(?:閱讀|新聞|報導|文章) | 延伸(?:阅读|閱讀) | 推荐阅读 | 更多阅读 | 热门(?:文章|新闻)$ | 阅读更多 | 阅读全文 | 另请阅读 | 也可阅读
    関連(?:記事|ニュース|リンク|情報) | あわせて読みたい | 合わせて読みたい | こちらも読む | 続きを読む | おすすめ(?:記事)? ?:?$ | 人気記事$ | アクセスランキング$
    (?:leia|veja|leiam|assista|ler) (?:também|mais|ainda)\\b | (?:notícias|artigos|matérias) relacionad[ao]s | mais lidas?$ | saiba mais\\b | você pode gostar
    (?:leggi|vedi|guarda|leggete)(?: anche| pure| tutto| altro)\\b | articoli correlati | notizie correlate | (?:i )?più letti$ | potrebbe interessarti | per saperne di più$
    (?:קראו|קרא|ראו|צפו) (?:גם|עוד|בהרחבה) | (?:כתבות|ידיעות) (?:קשורות|נוספות) | הנקראות ביותר$ | אולי יעניין אותך | עוד בנושא | להמשך קריאה
    (?:ayrıca )?(?:okuyun|bakınız|bkz)\\b ?:? | ayrıca (?:okuyun|bakın|oku)\\b | bunu da oku(?:yun)?\\b | ilgili (?:haberler?|içerik(?:ler)?|konular?)\\b | bunlar da ilginizi çekebilir | en çok okunanlar?$ | devamını oku | ilginizi çekebilir
""")

# Buttons and notices, as the whole line.
_BUTTON = _lines("""
    share(?: this)?(?: article| story| page)? | share on (?:facebook|twitter|x|whatsapp|telegram|linkedin) | print(?: this)?(?: page| article)? | email(?: this)? | tweet | facebook | twitter | whatsapp | telegram | linkedin | advertisement | sponsored | subscribe(?: now)? | sign in | log in | comments?(?: \\(?\\d+\\)?)? | \\d+ comments? | newsletter | cookies? policy | menu | search
    partager(?: (?:cet|l['’]) ?article)?(?: sur \\w+)? | imprimer | envoyer | publicité | s['’]abonner | se connecter | commentaires?(?: \\(?\\d+\\)?)? | \\d+ commentaires? | rechercher
    teilen | (?:artikel )?(?:teilen|drucken) | anzeige | werbung | abonnieren | anmelden | kommentare?(?: \\(?\\d+\\)?)? | \\d+ kommentare? | suche
    compartir(?: en \\w+)? | imprimir | publicidad | suscr[ií]bete | suscribirse | comentarios?(?: \\(?\\d+\\)?)? | \\d+ comentarios? | buscar
    поделиться(?: в .{2,12})? | распечатать | версия для печати | реклама | подписаться | войти | комментарии(?: \\(?\\d+\\)?)? | поиск
    شارك | مشاركة | شارك(?: هذا)? المقال | طباعة | إعلان | اشترك | تعليقات | التعليقات | بحث
    分享(?:到.{1,6})? | 打印 | 打印本页 | 列印 | 广告 | 廣告 | 订阅 | 訂閱 | 登录 | 评论(?: ?[(（]?\\d+[)）]?)? | 搜索 | 收藏
    シェア(?:する)? | 共有(?:する)? | 印刷(?:する)? | 広告 | \\[?PR\\]? | 購読 | ログイン | コメント(?: ?[(（]?\\d+[)）]?)? | 検索 | ツイート
    partilhar | compartilhar | imprimir | publicidade | assine(?: já)? | assinar | entrar | comentários?(?: \\(?\\d+\\)?)?
    condividi(?: su \\w+)? | stampa | pubblicità | abbonati | accedi | commenti(?: \\(?\\d+\\)?)? | cerca
    שתפו | שתף | שיתוף | הדפסה | הדפס | פרסומת | הירשמו | תגובות(?: ?\\(?\\d+\\)?)? | חיפוש
    paylaş | paylaşın | yazdır | reklam | ilan | abone ol | giriş yap | yorumlar?(?: \\(?\\d+\\)?)? | \\d+ yorum | ara
""")

_FOOTER = r"(?:©|\(c\) ?\d{4}|copyright\b|all rights reserved|tous droits réservés|alle rechte vorbehalten|todos los derechos reservados|все права защищены|جميع الحقوق محفوظة|版权所有|版權所有|無断転載|todos os direitos reservados|tutti i diritti riservati|כל הזכויות שמורות|tüm hakları saklıdır).*"

NAVIGATION = re.compile(f"(?:{'|'.join((*_BACK, *_BUTTON))})[.:!]?|(?:{'|'.join(_TEASER)}).*|{_FOOTER}", re.IGNORECASE)
"""Matched against a whole short line, arrows taken off."""

CREDIT = re.compile(
    r"(?:photo|foto|image|bild|imagen|immagine|imagem|фото|صورة|图|圖|写真|תמונה|צילום|fotoğraf|video|vidéo|видео|فيديو|graphic|grafik|credit|crédit)\b.{0,20}[:：/©].*"
    r"|(?:by|par|von|por|di|автор|بقلم|كتب|记者|記者|文|מאת|yazan|haber)[:：]? .*"
    r"|(?:source|sources|quelle|fuente|fonte|источник|المصدر|来源|來源|出典|מקור|kaynak)s?\s?[:：].*",
    re.IGNORECASE,
)
"""A byline, a picture credit, a statement of source: no subhead, whatever its shape."""
