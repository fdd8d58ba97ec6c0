<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>Scarp</name>
    <message>
        <source>
Done in {minutes:.1f} minutes. The environment takes {size:.1f} GB.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>
用时 {minutes:.1f} 分钟，已完成。该环境占用 {size:.1f} GB。</translation>
    </message>
    <message>
        <source> (recommended)</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>（推荐）</translation>
    </message>
    <message>
        <source> Default: {value}.</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>默认值：{value}。</translation>
    </message>
    <message>
        <source> When not given: {usual}, or {paper} with PRESET=paper.</source>
        <extracomment>algorithms/base/algorithm.py, scarp:chainwithcomparisons, scarp:crossvalidate …</extracomment>
        <translation>未给出时：{usual}；当 PRESET=paper 时为 {paper}。</translation>
    </message>
    <message>
        <source> When not given: {usual}.</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>未给出时：{usual}。</translation>
    </message>
    <message>
        <source> and </source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>和</translation>
    </message>
    <message>
        <source> or </source>
        <extracomment>algorithms/base/layers.py, algorithms/base/output_files.py</extracomment>
        <translation> 或 </translation>
    </message>
    <message>
        <source>&quot;{step}&quot; failed. Its page says why; the steps before it are kept.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>“{step}”失败。原因见其页面；之前的步骤均已保留。</translation>
    </message>
    <message>
        <source>1 Prepare data</source>
        <extracomment>scarp:buildbufferedlabels, scarp:buildfactorstack, scarp:buildsafetyfactor …</extracomment>
        <translation>1 准备数据</translation>
    </message>
    <message>
        <source>1 divided by the threshold in mm: 0.0129 is 77.5 mm, the paper&apos;s value for mountains in southeastern Tibet. With TOPOGRAPHY it is for land without another k. It overrides SAFETY_FACTOR.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>1 除以以 mm 为单位的阈值：0.0129 对应 77.5 mm，是论文对藏东南山地的取值。给出 TOPOGRAPHY 时，它用于没有其他 k 的土地。它优先于 SAFETY_FACTOR。</translation>
    </message>
    <message>
        <source>1 hour</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>1 小时</translation>
    </message>
    <message>
        <source>1 when all outputs and numbers are the same, else 0</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>所有输出和数值都相同时为 1，否则为 0</translation>
    </message>
    <message>
        <source>1/10 mm</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>1/10 mm</translation>
    </message>
    <message>
        <source>2 Train</source>
        <extracomment>scarp:trainbestmodel, scarp:traincomparisonmodel, scarp:trainpcum</extracomment>
        <translation>2 训练</translation>
    </message>
    <message>
        <source>3 Map</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:classifyzones, scarp:exposurebyzone …</extracomment>
        <translation>3 制图</translation>
    </message>
    <message>
        <source>4 Validate</source>
        <extracomment>scarp:comparemodels, scarp:crossvalidate, scarp:explainsusceptibility …</extracomment>
        <translation>4 验证</translation>
    </message>
    <message>
        <source>5 Whole chain</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea</extracomment>
        <translation>5 完整流程</translation>
    </message>
    <message>
        <source>5.1 From factors to zones</source>
        <extracomment>scarp:factorstozones</extracomment>
        <translation>5.1 从因子到分区</translation>
    </message>
    <message>
        <source>5.2 From factors to a comparison of models</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>5.2 从因子到模型比较</translation>
    </message>
    <message>
        <source>5.3 Map of a new area with a trained model</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>5.3 用训练好的模型制作新地区的图</translation>
    </message>
    <message>
        <source>95 % interval</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>95 % 区间</translation>
    </message>
    <message>
        <source>&lt;b&gt;Installed.&lt;/b&gt; torch {torch} on Python {python}, {size} GB, made {made}.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>&lt;b&gt;已安装。&lt;/b&gt;torch {torch}，Python {python}，{size} GB，创建于 {made}。</translation>
    </message>
    <message>
        <source>&lt;b&gt;Installing.&lt;/b&gt; You can continue to work in QGIS, and close this window.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>&lt;b&gt;正在安装。&lt;/b&gt;您可以继续在 QGIS 中工作，也可以关闭此窗口。</translation>
    </message>
    <message>
        <source>&lt;b&gt;Must be installed again.&lt;/b&gt; {reason} Valid parts are kept.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>&lt;b&gt;必须重新安装。&lt;/b&gt;{reason}有效的部分会保留。</translation>
    </message>
    <message>
        <source>&lt;b&gt;Not complete.&lt;/b&gt; An installation stopped here; Try again continues it.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>&lt;b&gt;不完整。&lt;/b&gt;一次安装停在了这里；按“重试”可继续。</translation>
    </message>
    <message>
        <source>&lt;b&gt;Not installed yet.&lt;/b&gt;</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>&lt;b&gt;尚未安装。&lt;/b&gt;</translation>
    </message>
    <message>
        <source>A .safetensors file from a training algorithm.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>训练算法得到的 .safetensors 文件。</translation>
    </message>
    <message>
        <source>A .safetensors file from a training algorithm. It contains its factors and how to scale them. Several models, separated by semicolons, are averaged.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>训练算法得到的 .safetensors 文件。其中含有所用的因子及其缩放方式。给出多个模型时以分号分隔，结果取平均。</translation>
    </message>
    <message>
        <source>A PCUM or U-Net model file to fine-tune, for an area with few landslides of its own. Factors are matched by name and classes by label. Method, network and normalisation come from the model, so leave WIDTH, DEPTH, ENCODING and DROPOUT empty. By cross-fitting it is changed as far as spatial folds show that it pays; on windows the learning rate is a tenth of the usual one unless given.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>要微调的 PCUM 或 U-Net 模型文件，适用于自身滑坡较少的地区。因子按名称、类别按标签匹配。方法、网络和归一化方式来自该模型，因此 WIDTH、DEPTH、ENCODING 和 DROPOUT 请留空。交叉拟合时，只在空间折表明有益的程度内改变该模型；在窗口上训练时，未给出学习率则取通常值的十分之一。</translation>
    </message>
    <message>
        <source>A downloaded file is not the one that was expected ({file}): its hash differs. It was rejected, and nothing of it was kept or installed. Try again, since the connection may have been cut. If it happens again, something on the way changes files, such as a proxy or a virus scanner: ask your administrator, use another network, or install from a folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>下载的文件与预期的不一致（{file}）：哈希值不同。该文件已被拒绝，未保留也未安装任何内容。可能是连接中断，请重试。如果再次出现，说明途中有程序（如代理或杀毒软件）改动了文件：请咨询管理员、换用其他网络，或从存放 wheel 文件的文件夹安装。</translation>
    </message>
    <message>
        <source>A factor stack built before, or a trained model, whose class numbers are reused for equal class names, so that the bands of two areas can be compared. Models match classes by name in any case.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>以前构建的因子栈或训练好的模型；类别名称相同时沿用其类别编号，使两个地区的波段可以比较。无论如何，模型都按名称匹配类别。</translation>
    </message>
    <message>
        <source>A few seconds left</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>剩余几秒</translation>
    </message>
    <message>
        <source>A folder of wheels, without network</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>存放 wheel 文件的文件夹，无需网络</translation>
    </message>
    <message>
        <source>A library cannot be loaded. On Windows the usual reason is that the Microsoft Visual C++ Redistributable (x64) is missing or old: install it from Microsoft (https://aka.ms/vs/17/release/vc_redist.x64.exe; it needs an administrator) and try again. Nothing is downloaded twice.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>有一个库无法加载。在 Windows 上，通常是因为缺少 Microsoft Visual C++ Redistributable (x64) 或其版本过旧：请从 Microsoft 安装（https://aka.ms/vs/17/release/vc_redist.x64.exe；需要管理员权限）后重试。已下载的内容不会重复下载。</translation>
    </message>
    <message>
        <source>A library that Scarp needs</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>Scarp 需要的一个库</translation>
    </message>
    <message>
        <source>A path is too long for the system. Choose a folder with a shorter path, such as C:\scarp.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>路径对系统来说过长。请选择路径较短的文件夹，例如 C:\scarp。</translation>
    </message>
    <message>
        <source>A year or a date such as 2005-06-30, with DATE_FIELD: the model is trained on the landslides before it and tested on those from it on, on the same land.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>年份，或 2005-06-30 这样的日期，与 DATE_FIELD 一起使用：模型用此前的滑坡训练，用此日起的滑坡测试，所用土地相同。</translation>
    </message>
    <message>
        <source>A3 landscape</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>A3 横向</translation>
    </message>
    <message>
        <source>A3 portrait</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>A3 纵向</translation>
    </message>
    <message>
        <source>A4 landscape</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>A4 横向</translation>
    </message>
    <message>
        <source>A4 portrait</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>A4 纵向</translation>
    </message>
    <message>
        <source>AUC</source>
        <extracomment>gui/steps/kinds.py, gui/training_charts.py</extracomment>
        <translation>AUC</translation>
    </message>
    <message>
        <source>AUC against stable cells of the labels alone, the easier question</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>只与标签的稳定像元相对照的 AUC，区分起来较容易</translation>
    </message>
    <message>
        <source>AUC of each fold, of the whole map and of the mean, against all other land and against stable land, with 95 % intervals from blocks of land; AUC of the baselines; for blocks and for the random split.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>每折、整幅图及平均的 AUC，分别与其余全部土地和稳定区相对照，附由区块得到的 95 % 区间；基线的 AUC；分别针对区块划分和随机划分。</translation>
    </message>
    <message>
        <source>AUC of slope alone on the same cells</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>相同像元上仅用坡度的 AUC</translation>
    </message>
    <message>
        <source>AUC of the cells of landslides against all other cells in units</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>各单元内滑坡像元与其余全部像元相对照的 AUC</translation>
    </message>
    <message>
        <source>AUC of the land held out: landslide cells against all other mapped land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>留出土地的 AUC：滑坡像元与编录范围内其余全部土地相对照</translation>
    </message>
    <message>
        <source>AUC of the map itself, when OUT_OF_FOLD is given and the other numbers are those of its values</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>易发性图自身的 AUC；给出 OUT_OF_FOLD 时，其他数值均为折外值的数值</translation>
    </message>
    <message>
        <source>AUC of the map on the labelled cells</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>易发性图在有标签像元上的 AUC</translation>
    </message>
    <message>
        <source>AUC of the points in test windows, when WINDOWS is given</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>测试窗口中各点的 AUC（给出 WINDOWS 时）</translation>
    </message>
    <message>
        <source>AUC of the test windows or blocks: landslide cells against all other mapped land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>测试窗口或区块的 AUC：滑坡像元与编录范围内其余全部土地相对照</translation>
    </message>
    <message>
        <source>AUC of the whole out-of-fold map</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>整幅折外预测图的 AUC</translation>
    </message>
    <message>
        <source>AUC of the worst fold</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>最差一折的 AUC</translation>
    </message>
    <message>
        <source>AUC out of fold of the model that is kept: landslide cells against all other mapped land</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>所保留模型的折外 AUC：滑坡像元与编录范围内其余全部土地相对照</translation>
    </message>
    <message>
        <source>AUC to expect on such land: {n}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>这类土地上可预期的 AUC：{n}。</translation>
    </message>
    <message>
        <source>AUC to expect on this land; empty where none can be</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>在这片土地上可预期的 AUC；无法预期时为空</translation>
    </message>
    <message>
        <source>AUC {value}</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>AUC {value}</translation>
    </message>
    <message>
        <source>AUC {value}, 95 % interval {low} to {high}.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>AUC {value}，95 % 区间 {low} 至 {high}。</translation>
    </message>
    <message>
        <source>About {time} left</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>剩余约 {time}</translation>
    </message>
    <message>
        <source>About {time} left for this step</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>此步骤剩余约 {time}</translation>
    </message>
    <message>
        <source>Accuracy</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>准确率</translation>
    </message>
    <message>
        <source>Add a region</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>添加区域</translation>
    </message>
    <message>
        <source>Add a region…</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>添加区域…</translation>
    </message>
    <message>
        <source>Add pip</source>
        <extracomment>environment/install.py</extracomment>
        <translation>添加 pip</translation>
    </message>
    <message>
        <source>Add this report to a question or a bug report. Your name, home folder and passwords are removed; read it before you publish it.</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>提问或报告错误时请附上此报告。其中已去除您的姓名、主目录和密码；公开之前请通读一遍。</translation>
    </message>
    <message>
        <source>Address of a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers then compute. All rasters and the output must lie on storage that all machines see at the same path. Leave it empty to compute on this computer; docs/cluster.md shows how to start a cluster.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:crossvalidate …</extracomment>
        <translation>Dask 调度器的地址，例如 tcp://10.0.0.1:8786，由其工作进程承担计算。所有栅格和输出必须位于各台机器以相同路径访问的存储上。留空则在本机计算；如何启动集群见 docs/cluster.md。</translation>
    </message>
    <message>
        <source>Aggregate susceptibility</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>汇总易发性</translation>
    </message>
    <message>
        <source>All numbers of the report as a table, with their intervals. The row verdict is 0 for usable, 1 for weak and 2 for do not use.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>报告中的全部数值及其区间，以表格给出。verdict 一行：0 表示可用，1 表示较弱，2 表示请勿使用。</translation>
    </message>
    <message>
        <source>All numbers of the report as a table, with their intervals; the same as JSON beside it.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:explainsusceptibility</extracomment>
        <translation>报告中的全部数值及其区间，以表格给出；同样内容的 JSON 与其同在。</translation>
    </message>
    <message>
        <source>All settings…</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>全部设置…</translation>
    </message>
    <message>
        <source>All steps are done and up to date.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>所有步骤均已完成且为最新。</translation>
    </message>
    <message>
        <source>All steps are done and up to date. To make one again, use its own button.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>所有步骤均已完成且为最新。要重做某一步，请使用该步自己的按钮。</translation>
    </message>
    <message>
        <source>All steps are done, but the verdict is: {level}.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>所有步骤均已完成，但结论为：{level}。</translation>
    </message>
    <message>
        <source>All {n} factors</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>全部 {n} 个因子</translation>
    </message>
    <message>
        <source>Alpha field</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>Alpha 字段</translation>
    </message>
    <message>
        <source>Also trains on flipped and rotated windows; slope aspects are transformed with them. Helps with few landslides. A check box always has a value, so it overrides the preset; scripts can leave it out.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>还用翻转和旋转后的窗口训练；坡向也随之变换。滑坡较少时有帮助。复选框总有一个值，因此会覆盖预设；脚本可以不给出它。</translation>
    </message>
    <message>
        <source>Angle in degrees up to which MONOTONE binds the curve of the slope. On steeper ground it is free: there is often bare rock and little soil left to slide.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>MONOTONE 约束坡度曲线的角度上限，以度计。更陡之处不受约束：那里往往是裸岩，可滑动的土体很少。</translation>
    </message>
    <message>
        <source>Angle of the monotone slope (degrees)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>坡度单调的角度上限（度）</translation>
    </message>
    <message>
        <source>Annual mean temperature</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>年平均气温</translation>
    </message>
    <message>
        <source>Annual precipitation</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>年降水量</translation>
    </message>
    <message>
        <source>Annual precipitation (mm)</source>
        <extracomment>algorithms/buildsafetyfactor.py, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>年降水量（mm）</translation>
    </message>
    <message>
        <source>Another QGIS is installing into {folder}. Wait until it has finished.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>另一个 QGIS 正在向 {folder} 安装。请等待其完成。</translation>
    </message>
    <message>
        <source>Another program uses a file. Close other QGIS windows, wait until the virus scanner has finished, and try again.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>有文件正被其他程序使用。请关闭其他 QGIS 窗口，等待杀毒软件扫描结束，然后重试。</translation>
    </message>
    <message>
        <source>Another seed gives another area; the same seed always gives the same one.</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>换一个种子得到另一个区域；同一个种子总是得到同一个区域。</translation>
    </message>
    <message>
        <source>Applicability</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>适用性</translation>
    </message>
    <message>
        <source>Applies a trained model to a factor stack: a map of landslide susceptibility from 0 to 1 at the stack&apos;s own resolution.
The stack may cover another area than the one trained on, if it has the factors that the model needs, with cells of about the same size. Factors are found by name, classes by label. The map is computed in tiles that overlap enough to leave no seam, so its size does not matter. A large map that was cancelled resumes when it is started again with the same inputs and an output in the same folder. The values rank slopes; they are no probability per year. Those of models trained with PROBABILITY are the share of cells like this one that are landslide cells in the inventory.
On land that is new to the model nothing tells how good its map is. The log then compares the order of the cells with two rules of a textbook, slope alone and the factor of safety of an infinite slope, and the report shows all three and where they disagree. A model that is carried to other mountains may do worse than slope.</source>
        <extracomment>scarp:predictsusceptibility</extracomment>
        <translation>将训练好的模型应用于因子栈，得到与因子栈分辨率相同、取值 0 到 1 的滑坡易发性图。
因子栈可以覆盖训练区以外的地区，只要含有模型所需的因子，且像元大小大致相同。因子按名称、类别按标签查找。制图按相互重叠的分块进行，重叠足以消除接缝，因此区域大小不受限制。大图取消后，用相同的输入重新启动，且输出位于同一文件夹，就会从停下的地方继续。数值用于对坡体排序，不是每年的概率。用 PROBABILITY 训练的模型，其数值是与该像元同类的像元中编录滑坡像元的占比。
在对模型而言是新的土地上，没有任何依据能说明其图有多好。此时日志将像元的次序与两条教科书规则作比较，即仅用坡度和无限边坡的稳定系数；报告同时给出三者及其不一致之处。移用到其他山区的模型可能还不如坡度。</translation>
    </message>
    <message>
        <source>Area field</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>面积字段</translation>
    </message>
    <message>
        <source>Area of each class in km² and as a share of the row, mean and highest rain: for the whole map and each region, all zones together and each zone.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>各等级的面积（km²）及其在该行中的占比、平均雨量和最大雨量：分别针对整幅图和每个区域、所有分区合计和每个分区。</translation>
    </message>
    <message>
        <source>Area to explain</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>解释范围</translation>
    </message>
    <message>
        <source>Area to map</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>制图范围</translation>
    </message>
    <message>
        <source>Areas under warning</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>预警面积表</translation>
    </message>
    <message>
        <source>As pip is configured on this computer</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>按此计算机上 pip 的配置</translation>
    </message>
    <message>
        <source>Asking the model about this place…</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>正在向模型查询此处…</translation>
    </message>
    <message>
        <source>Author</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>作者</translation>
    </message>
    <message>
        <source>Automatic</source>
        <extracomment>processing_provider/settings.py</extracomment>
        <translation>自动</translation>
    </message>
    <message>
        <source>Automatic: {values}.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>自动：{values}。</translation>
    </message>
    <message>
        <source>Back</source>
        <extracomment>gui/manual.py</extracomment>
        <translation>后退</translation>
    </message>
    <message>
        <source>Bars: what each factor takes from the log odds or adds to them, against typical land of this map; in all {total}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>条形：与本图的典型土地相比，各因子使对数几率降低或升高多少；合计 {total}。</translation>
    </message>
    <message>
        <source>Baselines</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>基准组合数</translation>
    </message>
    <message>
        <source>Batch (windows)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>批大小（窗口）</translation>
    </message>
    <message>
        <source>Below it a cell is under warning. Automatic: 1, below which a slope fails, where SAFETY_FACTOR says that it is a factor of safety, and with PHYSICS=stability; else 0.5, below which rain exceeds the threshold of a rain index.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>低于此值的像元处于警戒状态。自动：若 SAFETY_FACTOR 注明其为稳定系数，以及 PHYSICS=stability 时，则为 1，低于它时边坡失稳；否则为 0.5，降雨指数低于它时雨量超过阈值。</translation>
    </message>
    <message>
        <source>Below it a cell under warning violates the constraint.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>处于警戒状态的像元低于此值即违反约束。</translation>
    </message>
    <message>
        <source>Below it the threshold counts as exceeded. 0.5, as in the paper, is rain equal to 1/k; 0.4 is one and a half times as much.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>低于此值即视为超过阈值。论文取 0.5，即雨量等于 1/k；0.4 相当于其一倍半。</translation>
    </message>
    <message>
        <source>Beside the U-Net, each continuous factor has a piecewise-linear curve with this many knots, and each class a weight. This helps most with few landslides. 0 is a U-Net alone.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>除 U-Net 之外，每个连续因子各有一条分段线性曲线，此处为其节点数，每个类别有一个权重。滑坡较少时最有帮助。0 表示只用 U-Net。</translation>
    </message>
    <message>
        <source>Best</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>最佳</translation>
    </message>
    <message>
        <source>Beta field</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>Beta 字段</translation>
    </message>
    <message>
        <source>Block (m)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:explainsusceptibility …</extracomment>
        <translation>区块（m）</translation>
    </message>
    <message>
        <source>Breaks</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>分界值</translation>
    </message>
    <message>
        <source>Breaks of an earlier run</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>沿用以往运行的分界值</translation>
    </message>
    <message>
        <source>Breaks of zones</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>分区的分界值</translation>
    </message>
    <message>
        <source>Brings a susceptibility map to polygons: slope units, municipalities, catchments. Each gets mean, maximum, share of its area above a threshold, number of landslides, uncertainty and zone.
With LANDSLIDES, units are judged beside cells on the same land: how well the mean of a unit tells units with landslides from those without. Such numbers depend on the size of the units (the modifiable areal unit problem); log and report state by how much.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>将易发性图汇总到面：斜坡单元、乡镇、流域。每个单元得到平均值、最大值、高于阈值的面积占比、滑坡数、不确定性和分区。
给出 LANDSLIDES 时，在同一片土地上将单元与像元并列评价：单元的平均值能在多大程度上区分有滑坡和没有滑坡的单元。这类数值取决于单元的大小（可变面元问题）；日志和报告说明影响有多大。</translation>
    </message>
    <message>
        <source>Buffer around the test area (m)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>测试区周围的缓冲带（m）</translation>
    </message>
    <message>
        <source>Build factor stack</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>构建因子栈</translation>
    </message>
    <message>
        <source>Build landslide labels</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>构建滑坡标签</translation>
    </message>
    <message>
        <source>Build of torch</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>torch 的构建版本</translation>
    </message>
    <message>
        <source>Build safety factor</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>计算安全系数</translation>
    </message>
    <message>
        <source>Build slope units</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>划分斜坡单元</translation>
    </message>
    <message>
        <source>Buildings</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>建筑物</translation>
    </message>
    <message>
        <source>By a model that did not see this land: {n}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>由没有见过这片土地的模型预测：{n}。</translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>CSV (*.csv)</translation>
    </message>
    <message>
        <source>Calibrate to a probability</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>校准为概率</translation>
    </message>
    <message>
        <source>Cancel</source>
        <extracomment>gui/install_dialog.py, gui/steps/dock.py</extracomment>
        <translation>取消</translation>
    </message>
    <message>
        <source>Cancelled</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>已取消</translation>
    </message>
    <message>
        <source>Cancelled after epoch {n}. There is no model.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 轮后取消。没有模型。</translation>
    </message>
    <message>
        <source>Cancelled after step {n}. There is no model.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 步后取消。没有模型。</translation>
    </message>
    <message>
        <source>Cancelled.</source>
        <extracomment>environment/install.py, gui/install_dialog.py</extracomment>
        <translation>已取消。</translation>
    </message>
    <message>
        <source>Cancelled. Try again continues from here; Remove deletes what is there.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>已取消。“重试”从此处继续；“移除”删除已有内容。</translation>
    </message>
    <message>
        <source>Cancelled. Try again to continue.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>已取消。重试即可继续。</translation>
    </message>
    <message>
        <source>Cancelled. What was done before is kept.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>已取消。此前完成的内容均已保留。</translation>
    </message>
    <message>
        <source>Categorical encoding</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>类别编码</translation>
    </message>
    <message>
        <source>Cells farther from a landslide than its radius but nearer than this become 255 and are not used for training, because the edge of a landslide is not known exactly. Measured from the landslide, so it must exceed the radius to have an effect; 0 means no ring. Automatic: two cells beyond the radius of each landslide. Wide rings take away the stable slopes from which most can be learned.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>与滑坡的距离大于其半径但小于此值的像元记为 255，不用于训练，因为滑坡的边缘并不确切。距离从滑坡量起，因此必须大于半径才起作用；0 表示不设环带。自动：每处滑坡的半径之外再加两个像元。环带过宽会去掉最有学习价值的稳定坡体。</translation>
    </message>
    <message>
        <source>Cells nearer than this to the blocks held out for test are used neither for training nor for validation, so that the test does not ask about land that the model saw next door. Automatic: the largest radius of the landslide labels, RING if they have no radius, no buffer if the labels tell neither; at most a quarter of BLOCK. Not used with SPLIT=random.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>与留作测试的区块的距离小于此值的像元，既不用于训练，也不用于验证，以免测试的是模型在近旁见过的土地。自动：取滑坡标签的最大半径；标签没有半径时取 RING；标签中两者都没有时不设缓冲带；不超过 BLOCK 的四分之一。SPLIT=random 时不使用。</translation>
    </message>
    <message>
        <source>Changed since: {inputs}.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>此后有改动：{inputs}。</translation>
    </message>
    <message>
        <source>Channels of the first level. More of them need more landslides and time.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>第一层的通道数。通道越多，需要的滑坡和时间也越多。</translation>
    </message>
    <message>
        <source>Check</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>检查</translation>
    </message>
    <message>
        <source>Check factors</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>检查因子</translation>
    </message>
    <message>
        <source>Check that every library works</source>
        <extracomment>environment/install.py</extracomment>
        <translation>检查每个库能否工作</translation>
    </message>
    <message>
        <source>Check that this Python loads it</source>
        <extracomment>environment/install.py</extracomment>
        <translation>检查此 Python 能否加载它</translation>
    </message>
    <message>
        <source>Check the data</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>检查数据</translation>
    </message>
    <message>
        <source>Checkpoint</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:traincomparisonmodel …</extracomment>
        <translation>检查点</translation>
    </message>
    <message>
        <source>Checkpoint (*)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:traincomparisonmodel …</extracomment>
        <translation>检查点 (*)</translation>
    </message>
    <message>
        <source>Checks a factor stack before training and reports potential problems and how to fix them.
It looks for constant bands, impossible values and wrong units (slope over 90 degrees, temperature in kelvin), outliers, classes with hardly any cells, missing data, and redundant factors: Pearson correlation over 0.7, variance inflation factor over 10, Cramér&apos;s V between classes. Of many factors that correlate, it says which ones to keep. With labels, the report shows how each factor differs where landslides are.
It never stops at the first problem, and changes nothing.</source>
        <extracomment>scarp:checkfactors</extracomment>
        <translation>在训练之前检查因子栈，报告可能存在的问题以及改正办法。
检查内容包括：取值恒定的波段、不可能的值和错误的单位（坡度超过 90 度、气温以开尔文计）、离群值、几乎没有像元的类别、缺失数据，以及冗余因子：皮尔逊相关系数大于 0.7、方差膨胀因子大于 10、类别之间的 Cramér&apos;s V。许多因子彼此相关时，会指出应保留哪些因子。给出标签时，报告还会显示各因子在滑坡处与别处有何不同。
它不会在遇到第一个问题时停下，也不改动任何数据。</translation>
    </message>
    <message>
        <source>Choose another Python on this computer, version 3.9 to 3.14</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>选择此计算机上的另一个 Python，版本 3.9 到 3.14</translation>
    </message>
    <message>
        <source>Choose for me</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>自动选择</translation>
    </message>
    <message>
        <source>Choose for me: PCUM, logistic regression, GAM, random forest and gradient boosting are trained on the same blocks, and the simplest of those that cannot be told apart from the best is kept. It takes several times as long.</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>自动选择：在相同的区块上训练 PCUM、逻辑回归、GAM、随机森林和梯度提升，在与最佳者无法区分的模型中保留最简单的一个。耗时为数倍。</translation>
    </message>
    <message>
        <source>Choose the executable of a Python</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>选择 Python 的可执行文件</translation>
    </message>
    <message>
        <source>Choose the folder of this region&apos;s results…</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>选择存放此区域结果的文件夹…</translation>
    </message>
    <message>
        <source>Choose the folder with the wheels.</source>
        <extracomment>environment/sources.py</extracomment>
        <translation>请选择存放 wheel 文件的文件夹。</translation>
    </message>
    <message>
        <source>Choose these first: {inputs}.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>请先选择：{inputs}。</translation>
    </message>
    <message>
        <source>Choose {entry}: it installs what is missing beside QGIS, whose own packages it does not change.</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>请选择“{entry}”：它把缺少的内容安装在 QGIS 之外，不改动 QGIS 自己的软件包。</translation>
    </message>
    <message>
        <source>Circular variance of the aspect up to which a unit counts as homogeneous and is not split: 0 if all cells face one way, 1 if they face every way alike. Automatic: chosen as MIN_AREA is.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>坡向的圆方差不超过此值的单元视为均一，不再划分：全部像元朝向同一方向为 0，各方向均匀分布为 1。自动：与 MIN_AREA 一同选定。</translation>
    </message>
    <message>
        <source>Classes of an earlier stack</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>沿用以往因子栈的类别</translation>
    </message>
    <message>
        <source>Classify zones</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>划分易发性分区</translation>
    </message>
    <message>
        <source>Click on the map: its value and zone, the factors behind it, and the training land like it.</source>
        <extracomment>gui/place_tool.py</extracomment>
        <translation>在地图上单击：查看该处的值和分区、起作用的因子，以及与之相似的训练土地。</translation>
    </message>
    <message>
        <source>Climate zones</source>
        <extracomment>gui/demo_project.py, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>气候分区</translation>
    </message>
    <message>
        <source>Close</source>
        <extracomment>gui/manual.py</extracomment>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Cohen&apos;s kappa</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>Cohen&apos;s kappa 系数</translation>
    </message>
    <message>
        <source>Collecting. This starts a private environment and takes some seconds…</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>正在收集。为此要启动独立环境，需要几秒钟…</translation>
    </message>
    <message>
        <source>Compare models</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>比较模型</translation>
    </message>
    <message>
        <source>Compare with a random split</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>与随机划分比较</translation>
    </message>
    <message>
        <source>Compares a susceptibility map with landslides, other land and stable points, and writes a report: ROC curve and AUC, recall, kappa and confusion matrix, calibration, and for each zone its share of the landslides against its share of the area.
The AUC compares landslides with all other mapped land by area. Stable points, for recall and kappa, are drawn at random, as many as landslides, away from them. Intervals resample blocks of land, because landslides near each other resemble each other. A map always fits the landslides it was trained on: give the out-of-fold map that &quot;Train PCUM&quot; wrote, and every place is judged by a model that has not seen it. For models that were trained on windows give the training windows: the report then has the numbers of the test windows beside those of all. Trust those.</source>
        <extracomment>scarp:validatewithpoints</extracomment>
        <translation>将易发性图与滑坡、其余土地和稳定点作比较，并写出报告：ROC 曲线和 AUC、召回率、kappa 和混淆矩阵、校准，以及各分区的滑坡占比与面积占比。
AUC 将滑坡与编录范围内其余全部土地按面积相对照。用于召回率和 kappa 的稳定点随机抽取，与滑坡数目相同，并与滑坡保持距离。区间由对区块重抽样得到，因为相邻的滑坡彼此相似。一幅图总是与其训练所用的滑坡相符：请给出“训练 PCUM”写出的折外预测图，这样每一处都由没有见过它的模型来评价。对于在窗口上训练的模型，请给出训练窗口：报告会将测试窗口的数值与全部点的数值并列给出。请以前者为准。</translation>
    </message>
    <message>
        <source>Compares several susceptibility maps of one area on the same landslides, the same stable points and the same ground: AUC of each map and region, tests whether a difference could be chance, how far the maps agree in their zones and in the order of the cells, and where they differ.
The maps may have different cell sizes, extents and coordinate reference systems; everything is compared on the cells of the finest map, where all maps have data. A map of another agency can be one of them: any values that rise with susceptibility will do, including classes. Measures at a threshold are only given for maps from 0 to 1.
Maps of several regions count as one: give all rasters of a model the same name in NAMES, and the summary table has one row a region. One model alone is enough for that.
A map looks better on the landslides it was trained on. Give the training windows and look at the test windows, take landslides that none of the maps has seen, or compare out-of-fold maps.</source>
        <extracomment>scarp:comparemodels</extracomment>
        <translation>用相同的滑坡、相同的稳定点和相同的范围比较同一地区的多幅易发性图：每幅图和每个区域的 AUC、差异是否可能出于偶然的检验、各图在分区和像元排序上的一致程度，以及差异所在。
各图的像元大小、范围和坐标参考系可以不同；全部比较都在最精细的一幅图的像元上、各图都有数据之处进行。其中也可以有其他机构的图：只要数值随易发性增大即可，类别也行。只有取值为 0 到 1 的图才给出阈值处的指标。
多个区域的图可算作一幅：在 NAMES 中给同一模型的所有栅格取相同的名称，汇总表便每个区域一行。为此只有一个模型也可以。
一幅图在其训练所用的滑坡上看起来总会更好。请给出训练窗口并查看测试窗口的结果，或使用所有图都没有见过的滑坡，或比较折外预测图。</translation>
    </message>
    <message>
        <source>Compares the map with the landslides, each place judged by a model that did not see it.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>将易发性图与滑坡作比较，每一处都由没有见过它的模型来评价。</translation>
    </message>
    <message>
        <source>Comparison</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>比较表</translation>
    </message>
    <message>
        <source>Comparison numbers</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>比较数值</translation>
    </message>
    <message>
        <source>Comparison report</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>比较报告</translation>
    </message>
    <message>
        <source>Compute device. auto: an NVIDIA GPU if there is one, else the CPU. cuda:1 is the second GPU; mps is the GPU of an Apple computer.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:explainsusceptibility …</extracomment>
        <translation>计算设备。auto：有 NVIDIA GPU 时用 GPU，否则用 CPU。cuda:1 是第二块 GPU；mps 是苹果电脑的 GPU。</translation>
    </message>
    <message>
        <source>Computes what the physics constraint of the training needs, by one of two methods: where rain exceeds a threshold (rain index), or where the soil on a slope would slide (factor of safety).
METHOD=rain_threshold computes where the wettest week of a mean year brings more rain than the threshold of its landform. Where the rain index is below 0.5, a model is penalised for predicting low susceptibility.
R7, the rain of the wettest seven days, is estimated as ALPHA × BETA × 7 / RAINY_DAYS × annual precipitation (mm): a climatological week, not a real one. The rain index is Fs = 1 / (1 + k × R7). k is 1 divided by the critical rainfall of a terrain class, so Fs is below 0.5 exactly where R7 exceeds the critical rainfall. Zhang and Deng call Fs a safety factor; it is no factor of safety of a slope, because strength and stress are not in it.
For each terrain class k comes from K_TABLE; else from your landslides, as the PERCENTILE of R7 at those in that class (in all, where that class has too few); else from the paper&apos;s table, where the names match. The log states the hit rate, which is the share of the landslides under warning, and the share of the land under warning. The paper&apos;s 95th percentile has a hit rate of about 5 % by construction.
METHOD=infinite_slope computes the factor of safety of a sheet of soil that slides on a plane parallel to the surface: strength over stress, below 1 where it fails. It takes the slope from the factor stack, and soil and water as numbers, as ranges such as 2-8, within which every value is equally likely, as rasters, or as tables by class with rows between semicolons, such as granite: 2-8; schist: 5-12; all: 4. Classes are those of TOPOGRAPHY, else of a band of the stack, such as its lithology; all is for the others. With ranges the result is the geometric mean over 256 draws, and OUTPUT_PROBABILITY the share of them below 1. The defaults are usual values, not those of your area.</source>
        <extracomment>scarp:buildsafetyfactor</extracomment>
        <translation>用两种方法之一计算训练时物理约束所需的量：雨量在何处超过阈值（降雨指数），或坡上的土体在何处会滑动（稳定系数）。
METHOD=rain_threshold 计算平均年份中最湿的一周在哪些地方带来的降雨超过该处地貌的阈值。在降雨指数低于 0.5 的地方，模型预测低易发性会受到惩罚。
R7 即最湿七天的雨量，按 ALPHA × BETA × 7 / RAINY_DAYS × 年降水量（mm）估算：这是气候平均意义上的一周，不是真实的某一周。降雨指数为 Fs = 1 / (1 + k × R7)。k 等于 1 除以该地形类型的临界雨量，因此 R7 超过临界雨量之处恰好是 Fs 低于 0.5 之处。Zhang and Deng 称 Fs 为安全系数；但它并不是边坡的稳定系数，因为其中不含强度和应力。
每种地形类型的 k 取自 K_TABLE；否则由您的滑坡求得，即该类型上各滑坡处 R7 的第 PERCENTILE 百分位数（该类型滑坡过少时用全部滑坡）；再否则按名称取自论文的表格。日志给出命中率，即处于警戒状态的滑坡占比，以及处于警戒状态的土地占比。论文采用的第 95 百分位数，其命中率按定义只有约 5 %。
METHOD=infinite_slope 计算沿平行于地表的平面滑动的一层土体的稳定系数：强度除以应力，低于 1 之处失稳。坡度取自因子栈；土和水的参数可以是数值，可以是 2-8 这样的范围（其中每个值的可能性相同），可以是栅格，也可以是按类别的表格，各行以分号隔开，例如 granite: 2-8; schist: 5-12; all: 4。类别取自 TOPOGRAPHY，否则取自因子栈的某一波段，例如岩性；all 用于其余类别。给出范围时，结果为 256 次抽样的几何平均值，OUTPUT_PROBABILITY 为其中低于 1 的抽样占比。默认值为通常的取值，并非您所在地区的取值。</translation>
    </message>
    <message>
        <source>Copy</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>复制</translation>
    </message>
    <message>
        <source>Count a polygon in</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>面计入的分区</translation>
    </message>
    <message>
        <source>Counts what lies in each susceptibility zone: number of buildings, their area, length of roads, and number, length or area of any other layer; with REGIONS for each municipality as well.
Areas and lengths are exact and in metres on the ground, whatever the coordinate system. Layers in another one are transformed. Exposure says what stands in a zone, not what a landslide would do to it.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>统计各易发性分区中有什么：建筑物的个数和面积、道路的长度，以及任何其他图层的个数、长度或面积；给出 REGIONS 时还按每个乡镇统计。
无论采用何种坐标系，面积和长度都是精确的，以地面上的米计。其他坐标系的图层会自动转换。统计结果说明分区中有哪些承灾体，不说明滑坡会对其造成什么后果。</translation>
    </message>
    <message>
        <source>Create demo data</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>生成演示数据</translation>
    </message>
    <message>
        <source>Create the environment</source>
        <extracomment>environment/install.py</extracomment>
        <translation>创建环境</translation>
    </message>
    <message>
        <source>Critical rain index</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>临界降雨指数</translation>
    </message>
    <message>
        <source>Critical rainfall and k of each terrain class, their source, the number of landslides behind them, the share of the land under warning, and the hit rate.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>每种地形类型的临界雨量和 k、其来源、所依据的滑坡数、处于警戒状态的土地占比，以及命中率。</translation>
    </message>
    <message>
        <source>Critical safety factor</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>临界安全系数</translation>
    </message>
    <message>
        <source>Cross-validate</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>交叉验证</translation>
    </message>
    <message>
        <source>Cross-validation report</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>交叉验证报告</translation>
    </message>
    <message>
        <source>Cuts a susceptibility map into zones, normally five: very low, low, medium, high, very high.
By default the zones have fixed shares of the area: 30, 20, 20, 20 and 10 % from the least to the most susceptible, as in the paper, exact and by true area on the ground. To cut another map, of a later year or of the neighbouring region, at the same values, give these zones as BREAKS_FROM.</source>
        <extracomment>scarp:classifyzones</extracomment>
        <translation>将易发性图划分为若干分区，通常为五级：极低、低、中、高、极高。
默认情况下，各分区的面积占比固定：从最不易发到最易发依次为 30、20、20、20 和 10 %，与论文一致，精确且按地面真实面积计算。若要用相同的分界值划分另一幅图（例如以后年份或相邻地区），请将此次的分区作为 BREAKS_FROM 给出。</translation>
    </message>
    <message>
        <source>DEM whose relief is drawn under the maps of the report and the PDF. Without it Scarp looks for the one that the run records of map and factor stack name, or uses the stack&apos;s slope and aspect.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>报告和 PDF 中地图底下的晕渲所用的 DEM。不给出时，Scarp 按易发性图和因子栈的运行记录去查找，或使用因子栈中的坡度和坡向。</translation>
    </message>
    <message>
        <source>Dask scheduler</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:crossvalidate …</extracomment>
        <translation>Dask 调度器</translation>
    </message>
    <message>
        <source>Data</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>数据</translation>
    </message>
    <message>
        <source>Data augmentation (flips/rotations)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>数据增强（翻转、旋转）</translation>
    </message>
    <message>
        <source>Data sources</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>数据来源</translation>
    </message>
    <message>
        <source>Date field</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>日期字段</translation>
    </message>
    <message>
        <source>Date that divides training from test</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>划分训练与测试的日期</translation>
    </message>
    <message>
        <source>Decay per step of the exponential moving average (EMA) of the weights. The average varies less from epoch to epoch; it is evaluated and saved. 0 turns it off.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>权重指数滑动平均（EMA）的每步衰减系数。平均值各轮之间变化较小；评价和保存的都是它。0 表示关闭。</translation>
    </message>
    <message>
        <source>Degrees Celsius: a raster or station points. Some data sets store tenths of a degree or kelvin: choose their unit below.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>摄氏度：栅格或气象站点。有些数据集以十分之一度或开尔文存储：请在下方选择其单位。</translation>
    </message>
    <message>
        <source>Delete Scarp&apos;s environment in {folder}? Scarp cannot use it afterwards. Nothing else is deleted.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>删除 {folder} 中的 Scarp 环境？此后 Scarp 将不能使用它。其他内容都不会删除。</translation>
    </message>
    <message>
        <source>Demo data</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>演示数据</translation>
    </message>
    <message>
        <source>Demo folder</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>演示文件夹</translation>
    </message>
    <message>
        <source>Depth of the network</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>网络深度</translation>
    </message>
    <message>
        <source>Device</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:explainsusceptibility …</extracomment>
        <translation>计算设备</translation>
    </message>
    <message>
        <source>Diagnostics…</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>诊断信息…</translation>
    </message>
    <message>
        <source>Difference from slope and factor of safety</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>与坡度和稳定系数的差异</translation>
    </message>
    <message>
        <source>Difference of the first two maps</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>前两幅图之差</translation>
    </message>
    <message>
        <source>Dissimilarity and expected AUC</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>相异度与预期 AUC</translation>
    </message>
    <message>
        <source>Dissimilarity {index}, above {threshold}: outside the area of applicability. Do not rely on it.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>相异度 {index}，高于 {threshold}：在适用区之外。请勿依赖此值。</translation>
    </message>
    <message>
        <source>Dissimilarity {index}, at most {threshold}: in the area of applicability.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>相异度 {index}，不超过 {threshold}：在适用区之内。</translation>
    </message>
    <message>
        <source>Distance of stable points (m)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>稳定点的距离（m）</translation>
    </message>
    <message>
        <source>Divides the land of a DEM into slope units: hillsides between ridges and streams that face one way. They are the mapping units of many susceptibility maps, since a landslide stays on its hillside.
Half-basins on the left and right of streams are split along smaller and smaller streams until their aspect is homogeneous (after Alvioli et al. 2016, 2020). Without settings, those are chosen whose units are homogeneous and differ most from their neighbours. The units cover all cells with data, without gaps and overlaps. Flat land and lakes are units of their own.
Give the units to &quot;Aggregate susceptibility&quot; for a map by slope unit.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>将 DEM 的土地划分为斜坡单元，即山脊与水系之间朝向一致的坡面。许多易发性图以它为制图单元，因为滑坡不会越出其所在的坡面。
水系左右两侧的半流域沿越来越小的水系继续划分，直到坡向均一（参照 Alvioli 等 2016、2020）。不给出设置时，选取使单元内部均一、与相邻单元差异最大的设置。单元覆盖全部有数据的像元，没有空隙，也不重叠。平地和湖泊单独成为单元。
将单元用于“汇总易发性”，即可得到按斜坡单元表示的图。</translation>
    </message>
    <message>
        <source>Document details</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>文档信息</translation>
    </message>
    <message>
        <source>Document details (*.json)</source>
        <extracomment>gui/details_dialog.py, scarp:aggregatesusceptibility, scarp:chainwithcomparisons …</extracomment>
        <translation>文档信息 (*.json)</translation>
    </message>
    <message>
        <source>Document details…</source>
        <extracomment>gui/menu.py, gui/steps/dock.py</extracomment>
        <translation>文档信息…</translation>
    </message>
    <message>
        <source>Dominant factor</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>主导因子</translation>
    </message>
    <message>
        <source>Done</source>
        <extracomment>environment/install.py, gui/install_dialog.py, gui/training_list.py</extracomment>
        <translation>完成</translation>
    </message>
    <message>
        <source>Download the other libraries</source>
        <extracomment>environment/install.py</extracomment>
        <translation>下载其他库</translation>
    </message>
    <message>
        <source>Download torch</source>
        <extracomment>environment/install.py</extracomment>
        <translation>下载 torch</translation>
    </message>
    <message>
        <source>Downloads about {size:.1f} GB. </source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>下载约 {size:.1f} GB。</translation>
    </message>
    <message>
        <source>Draws the map sheet. All reports of the region are listed here.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>绘制图幅。该区域的全部报告都列在这里。</translation>
    </message>
    <message>
        <source>Dropout</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>随机失活（Dropout）</translation>
    </message>
    <message>
        <source>E</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>东</translation>
    </message>
    <message>
        <source>EMA decay of weights</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>权重的 EMA 衰减系数</translation>
    </message>
    <message>
        <source>Early stopping: training ends after this many epochs without a lower validation loss. 0 never stops early. The weights of the best epoch are kept in any case.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>早停：验证损失连续这么多轮没有降低时结束训练。0 表示从不早停。无论如何都保留最佳轮次的权重。</translation>
    </message>
    <message>
        <source>Effective angle of internal friction, in degrees. A number, a range or a table by class.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>有效内摩擦角，单位为度。可填一个数、一个范围或按类别的表格。</translation>
    </message>
    <message>
        <source>Effective cohesion of the soil and the roots in it, together, in kPa. A number, a range or a table by class.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>土体与其中根系的有效黏聚力之和，单位为 kPa。可填一个数、一个范围或按类别的表格。</translation>
    </message>
    <message>
        <source>Elevation</source>
        <extracomment>gui/demo_project.py, scarp:buildslopeunits</extracomment>
        <translation>高程</translation>
    </message>
    <message>
        <source>Elevation for the relief</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>晕渲所用高程</translation>
    </message>
    <message>
        <source>Elevation in metres, or in the unit that the raster states or that you choose below. Its grid becomes the study grid: the map will have its cells. 30 m and a projected CRS are best; degrees work as well.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>高程，单位为米，或为栅格注明的单位，或为您在下方选择的单位。其网格成为研究网格：结果图采用同样的像元。最好使用 30 m 分辨率和投影坐标系；经纬度也可以。</translation>
    </message>
    <message>
        <source>Elevation model (DEM)</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>高程模型（DEM）</translation>
    </message>
    <message>
        <source>Elevations on the grid of REFERENCE. Where neither the stack nor CONTRIBUTING_AREA has the contributing area, water is led over them, which needs the package pyflwdir.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>位于 REFERENCE 的格网上的高程。因子栈和 CONTRIBUTING_AREA 都没有给出汇水面积时，由高程推算水流路径，这需要软件包 pyflwdir。</translation>
    </message>
    <message>
        <source>Elevations, on a grid in metres or degrees. Nodata belongs to no unit; water leaves the land there and at the border. Take a DEM that reaches one ridge beyond the land to map: units at its border are cut off.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>高程，格网以米或度为单位。无数据处不属于任何单元；水在该处和边界流出。请使用向外延伸到制图范围以外一道山脊的 DEM：边界处的单元是被截断的。</translation>
    </message>
    <message>
        <source>Ensemble</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>集成</translation>
    </message>
    <message>
        <source>Epoch {n} of at most {most} is done; epoch {best} is the best.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多 {most} 轮，已完成第 {n} 轮；其中第 {best} 轮最佳。</translation>
    </message>
    <message>
        <source>Epochs, or steps of the network, and how many there are at most</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>轮次或网络的步数，以及最多有多少</translation>
    </message>
    <message>
        <source>Estimates how good a kind of model is on areas that it has not seen. The area is cut into blocks, and the blocks are divided into folds. Each fold is predicted by a model that was trained on all other folds only. The result is a map in which every cell comes from a model that did not see its block, and a report with the AUC of each fold, of the mean, and of slope alone, with intervals. Instead of blocks, REGIONS may be left out one by one, or the landslides after a date (SPLIT_DATE). With MORE_STACKS one area after the other is left out, whole, and the model is trained on the others: that is how good it is in an area that it does not know.
The same is done with small patches that are assigned at random, as is often published. Test cells then lie beside training cells, and the AUC is better than on new areas: GAP is the difference.
It takes as long as training FOLDS times, and twice that with the random split.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>估计某种模型在未见过的地区上有多好。区域被切成区块，区块划分为各折。每一折都由只用其他各折训练的模型来预测。结果是一幅每个像元都来自未见过其区块的模型的图，以及一份报告，给出每折、平均及仅用坡度的 AUC 及其区间。除区块外，也可以逐一留出 REGIONS 中的区域，或留出某一日期（SPLIT_DATE）以后的滑坡。给出 MORE_STACKS 时，逐一留出整个地区，用其余各地区训练模型：由此可知模型在不了解的地区有多好。
再用随机分配的小块重复一遍，这是文献中常见的做法。此时测试像元紧挨着训练像元，AUC 会好于在新地区的结果：GAP 即为两者之差。
耗时为训练时间的 FOLDS 倍；加上随机划分则再加一倍。</translation>
    </message>
    <message>
        <source>Evaluation subset</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>评价子集</translation>
    </message>
    <message>
        <source>Explain a place</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>解释地点</translation>
    </message>
    <message>
        <source>Explain susceptibility</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>解释易发性</translation>
    </message>
    <message>
        <source>Explanation report</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>解释报告</translation>
    </message>
    <message>
        <source>Exposure</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>承灾体</translation>
    </message>
    <message>
        <source>Exposure by zone</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>按分区统计承灾体</translation>
    </message>
    <message>
        <source>Exposure table</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>承灾体表</translation>
    </message>
    <message>
        <source>Extra factors, categorical</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>附加因子（类别型）</translation>
    </message>
    <message>
        <source>Extra factors, continuous</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>附加因子（连续型）</translation>
    </message>
    <message>
        <source>FOLDER {folder} already holds files that the repetition would overwrite. Choose a new folder.</source>
        <extracomment>algorithms/rerun.py</extracomment>
        <translation>FOLDER {folder} 中已有重复运行会覆盖的文件。请选择新的文件夹。</translation>
    </message>
    <message>
        <source>Factor of safety of that land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>目标区的稳定系数</translation>
    </message>
    <message>
        <source>Factor of safety on the grid of TARGET. Without it it is computed from the slope.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>TARGET 格网上的稳定系数。不给出时由坡度计算。</translation>
    </message>
    <message>
        <source>Factor stack</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>因子栈</translation>
    </message>
    <message>
        <source>Factor stack for slope alone</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>用于仅用坡度基线的因子栈</translation>
    </message>
    <message>
        <source>Factor stack of the land whose map is wanted</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>目标区的因子栈（要制图的土地）</translation>
    </message>
    <message>
        <source>Factor stack on the grid of the map. Slope alone, and the factor of safety of an infinite slope with usual values of the soil, are then judged beside the map, on the same landslides and cells: a map that is not ahead of them is not worth its model.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>位于易发性图格网上的因子栈。给出后，仅用坡度的结果和按通常土体取值的无限边坡稳定系数，与易发性图一起在相同的滑坡和像元上评价：一幅图若不优于它们，就不值得为其使用模型。</translation>
    </message>
    <message>
        <source>Factor stack or model (*.tif *.tiff *.safetensors)</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>因子栈或模型 (*.tif *.tiff *.safetensors)</translation>
    </message>
    <message>
        <source>Factor stacks of more areas</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>其他地区的因子栈</translation>
    </message>
    <message>
        <source>Factor stacks of more areas, each left out once in place of FOLDS, as is that of STACK. For PCUM with PRESET=recommended and for kinds that learn from single cells. CRS, extent and cell size may differ; the areas need the factors of STACK, and classes are matched by label. Landslides of these areas are those of their labels. There is no random split.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>其他地区的因子栈，每个地区逐一留出一次，代替 FOLDS，STACK 的地区亦然。适用于 PRESET=recommended 的 PCUM 和逐像元学习的模型种类。坐标参考系、范围和像元大小可以不同；各地区须有 STACK 的因子，类别按标签匹配。这些地区的滑坡即其标签中的滑坡。不作随机划分。</translation>
    </message>
    <message>
        <source>Factor stacks of more areas, to train on all of them at once, with PRESET=recommended. CRS, extent and cell size may differ. They need the factors of STACK; classes are matched by label, and an area may have classes that others lack. OUTPUT_OUT_OF_FOLD and OUTPUT_WINDOWS are those of STACK; the report has the AUC of each area.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>其他地区的因子栈，用所有地区同时训练，需要 PRESET=recommended。坐标参考系、范围和像元大小可以不同。各地区须有 STACK 的因子；类别按标签匹配，一个地区可以有其他地区没有的类别。OUTPUT_OUT_OF_FOLD 和 OUTPUT_WINDOWS 为 STACK 的结果；报告给出每个地区的 AUC。</translation>
    </message>
    <message>
        <source>Factor stacks of more areas, to train on all of them at once. CRS, extent and cell size may differ. They need the factors of STACK; classes are matched by label. OUTPUT_OUT_OF_FOLD and OUTPUT_WINDOWS are those of STACK.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>其他地区的因子栈，用所有地区同时训练。坐标参考系、范围和像元大小可以不同。各地区须有 STACK 的因子；类别按标签匹配。OUTPUT_OUT_OF_FOLD 和 OUTPUT_WINDOWS 为 STACK 的结果。</translation>
    </message>
    <message>
        <source>Factors</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>因子</translation>
    </message>
    <message>
        <source>Factors, the strongest first</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>因子，由强到弱</translation>
    </message>
    <message>
        <source>Factors, {about}</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>因子，{about}</translation>
    </message>
    <message>
        <source>Failed</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>失败</translation>
    </message>
    <message>
        <source>Failed after epoch {n}: {reason}</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 轮后失败：{reason}</translation>
    </message>
    <message>
        <source>Failed after step {n}: {reason}</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 步后失败：{reason}</translation>
    </message>
    <message>
        <source>Faults</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>断层</translation>
    </message>
    <message>
        <source>Field of LANDSLIDES with a year or date, for SPLIT_DATE. Landslides without one are left out.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>LANDSLIDES 中存放年份或日期的字段，用于 SPLIT_DATE。没有日期的滑坡不参与。</translation>
    </message>
    <message>
        <source>Field of LANDSLIDES with train or test: one model is trained on the ones and tested on the others, on the same land. Landslides without a value are left out.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>LANDSLIDES 中取值为 train 或 test 的字段：用前者训练一个模型，用后者测试，所用土地相同。没有值的滑坡不参与。</translation>
    </message>
    <message>
        <source>Field of the climate zones with alpha.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>气候分区中存放 alpha 的字段。</translation>
    </message>
    <message>
        <source>Field of the climate zones with beta.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>气候分区中存放 beta 的字段。</translation>
    </message>
    <message>
        <source>Field of the climate zones with the rainy days.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>气候分区中存放雨日数的字段。</translation>
    </message>
    <message>
        <source>Field of the landslides with the rain in millimetres of the week before each of them. It replaces the climatological week there, so the threshold and its hit rate come from real weeks, like the rain that &quot;Rainfall warning&quot; compares. Landslides without a value are left out.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡图层中存放每个滑坡发生前一周雨量（毫米）的字段。它在滑坡处代替气候平均意义上的一周，因此阈值及其命中率来自真实的各周，与“降雨预警”所比较的降雨相同。没有值的滑坡不参与。</translation>
    </message>
    <message>
        <source>Field with the area of each landslide point in m². The automatic radius is that of a circle of this area, up to the limit. Where it is empty, SCALE_FIELD counts.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>各滑坡点面积所在的字段，单位为 m²。自动半径取与此面积相等的圆的半径，不超过上限。此字段为空的点以 SCALE_FIELD 为准。</translation>
    </message>
    <message>
        <source>Field with the class of each landform polygon. Needed for polygons only.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放各地貌面类别的字段。仅面图层需要。</translation>
    </message>
    <message>
        <source>Field with the degrees Celsius. Needed for station points only.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放摄氏度值的字段。仅站点需要。</translation>
    </message>
    <message>
        <source>Field with the intensity of each polygon. Needed for polygons only.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放各面地震烈度的字段。仅面图层需要。</translation>
    </message>
    <message>
        <source>Field with the kind of each, such as its use, for rows of their own in the table.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>存放各要素种类（例如用途）的字段，用于在表中单独成行。</translation>
    </message>
    <message>
        <source>Field with the millimetres. Needed for station points only.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放毫米值的字段。仅站点需要。</translation>
    </message>
    <message>
        <source>Field with the name of each region. Without it they are numbered.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:crossvalidate …</extracomment>
        <translation>存放各区域名称的字段。不给出时以编号表示。</translation>
    </message>
    <message>
        <source>Field with the name of each unit, for table and report. Without it they are numbered.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>存放各单元名称的字段，用于表格和报告。不给出时以编号表示。</translation>
    </message>
    <message>
        <source>Field with the rock type of each polygon. Needed for polygons only.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放各面岩石类型的字段。仅面图层需要。</translation>
    </message>
    <message>
        <source>Field with the size of each landslide, in words (giant, large, medium, small; also in Chinese) or in codes of your own that RADII lists. Without it all landslides are unrecorded.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>存放每处滑坡规模的字段，可以是文字（giant、large、medium、small；也可用中文），也可以是列在 RADII 中的自定义代码。不给出时，所有滑坡的规模均为未记录。</translation>
    </message>
    <message>
        <source>Field with the terrain class of each polygon. Needed for polygons only.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>存放各面地形类型的字段。仅面图层需要。</translation>
    </message>
    <message>
        <source>Fields of the layer</source>
        <extracomment>gui/suggestions.py</extracomment>
        <translation>图层的字段</translation>
    </message>
    <message>
        <source>File that keeps the state of a network&apos;s training. If it exists and fits, training resumes from it; otherwise it is created. Leave it empty for a fresh start.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>保存网络训练状态的文件。如果它存在且相符，训练从它继续；否则将创建该文件。要从头开始请留空。</translation>
    </message>
    <message>
        <source>File that keeps the state of the training. If it exists and fits, training resumes from it; otherwise it is created. Leave it empty for a fresh start.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>保存训练状态的文件。如果它存在且相符，训练从它继续；否则将创建该文件。要从头开始请留空。</translation>
    </message>
    <message>
        <source>File with title, author, organisation, logo, purpose, data sources and limits for the documents, for batches and scripts. What it leaves out, or all without a file, is that of the project and of Plugins &gt; Scarp &gt; Document details…, which also writes such files.</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>存放文档的标题、作者、单位、徽标、用途、数据来源和使用限制的文件，用于批处理和脚本。其中没有的项，或没有文件时的全部各项，取自项目和“插件 &gt; Scarp &gt; 文档信息…”，后者也可写出这样的文件。</translation>
    </message>
    <message>
        <source>Findings</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>检查结果</translation>
    </message>
    <message>
        <source>Findings on the factors</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>因子检查结果</translation>
    </message>
    <message>
        <source>Fine-tune from model</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>在已有模型上微调</translation>
    </message>
    <message>
        <source>Finished after all {n} epochs.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>全部 {n} 轮已完成。</translation>
    </message>
    <message>
        <source>Finished after all {n} steps.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>全部 {n} 步已完成。</translation>
    </message>
    <message>
        <source>Finished after epoch {n}, {patience} epochs without improvement.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 轮后结束，连续 {patience} 轮没有改善。</translation>
    </message>
    <message>
        <source>Finished after step {n}: the loss out of fold fell no more.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 步后结束：折外损失不再下降。</translation>
    </message>
    <message>
        <source>First map minus the second, on the grid of the first. Where one of them is not within 0 to 1, ranks are subtracted: the share of the ground that is less susceptible.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>第一幅图减去第二幅，采用第一幅的格网。其中一幅不在 0 到 1 之间时，改为排序相减：易发性更低的面积所占比例。</translation>
    </message>
    <message>
        <source>Fitting the curves of the factors: {percent} % done; then at most {most} steps of the network.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在拟合各因子的曲线：已完成 {percent} %；随后网络最多训练 {most} 步。</translation>
    </message>
    <message>
        <source>Fix what the report lists before you train.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>请在训练之前改正报告所列的问题。</translation>
    </message>
    <message>
        <source>Floating-point type of the network. auto: the fastest that is accurate enough on this device. fp32 is the most accurate; bf16 and fp16 are faster where the device supports them. Training by cross-fitting, and models of single cells, always compute in fp32.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>网络的浮点类型。auto：在该设备上足够精确的最快类型。fp32 最精确；在支持的设备上 bf16 和 fp16 更快。交叉拟合训练以及逐像元的模型始终用 fp32 计算。</translation>
    </message>
    <message>
        <source>Folder</source>
        <extracomment>gui/steps/dock.py, gui/training_page.py</extracomment>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>Folder for the GeoTIFF and GeoPackage files. It is created if missing; other files in it stay.</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>存放 GeoTIFF 和 GeoPackage 文件的文件夹。不存在时会自动创建；其中的其他文件保持不变。</translation>
    </message>
    <message>
        <source>Folder for the maps of MORE_STACKS, each by the model that was trained without its area, with the name of the stack.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>存放 MORE_STACKS 各图的文件夹，每幅图由未用其地区训练的模型得到，以因子栈的名称命名。</translation>
    </message>
    <message>
        <source>Folder for the repetition</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>重复运行的文件夹</translation>
    </message>
    <message>
        <source>Folder of the environment</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>环境所在文件夹</translation>
    </message>
    <message>
        <source>Folder of the results</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>结果文件夹</translation>
    </message>
    <message>
        <source>Folder with wheels (*.whl)</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>存放 wheel 文件的文件夹 (*.whl)</translation>
    </message>
    <message>
        <source>Folds</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>折数</translation>
    </message>
    <message>
        <source>Folds that are computed side by side, each in a process of its own. 0: as many as there are cores and memory for. The result is the same whatever their number. Without effect with SCHEDULER.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>并行计算的折数，每折在各自的进程中。0：核心数和内存所允许的最大数目。无论数目多少，结果都相同。给出 SCHEDULER 时不起作用。</translation>
    </message>
    <message>
        <source>For this Mac (processor and Apple graphics)</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>适用于此 Mac（处理器和苹果图形）</translation>
    </message>
    <message>
        <source>Format of the map sheet</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>图幅的纸张规格</translation>
    </message>
    <message>
        <source>Frequency ratio</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>频率比</translation>
    </message>
    <message>
        <source>From</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>来源</translation>
    </message>
    <message>
        <source>From this susceptibility on a cell is classified as landslide, for recall, kappa and the confusion matrix of maps from 0 to 1. 0.5 as in the paper. Values of a calibrated map (PROBABILITY) are far smaller: take the share of landslide cells, which the report of the training has.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>易发性达到此值的像元判为滑坡，用于取值 0 到 1 的图的召回率、kappa 和混淆矩阵。0.5 与论文一致。经过校准的图（PROBABILITY）数值要小得多：请取训练报告中的滑坡像元占比。</translation>
    </message>
    <message>
        <source>Further factors from the DEM. direction: northness and eastness; curvature: tangential curvature and curvature; position, relief, mean_slope, roughness, mean_curvature: each in windows that reach 50, 100, 200, 400 and 800 m from the cell; flow: contributing area, wetness index and height above drainage, which need the package pyflwdir. none leaves the three factors of the paper.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>由 DEM 得到的更多因子。direction：北向度和东向度；curvature：切向曲率和曲率；position（地形位置）、relief（地形起伏度）、mean_slope（平均坡度）、roughness（粗糙度）、mean_curvature（平均曲率）：各在自像元向外 50、100、200、400 和 800 m 的窗口内计算；flow：汇水面积、湿度指数和距河道的高差，需要 pyflwdir 库。none 只保留论文的三个因子。</translation>
    </message>
    <message>
        <source>Further layers, such as schools, power lines or fields: points are counted, of lines the length, of polygons number and area are measured.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>其他图层，例如学校、输电线路或农田：点统计个数，线统计长度，面统计个数和面积。</translation>
    </message>
    <message>
        <source>Further models, whose maps are averaged with that of the first.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>其他模型，其图与第一个模型的图取平均。</translation>
    </message>
    <message>
        <source>Further rasters of class numbers, such as land cover. Each becomes a factor named after its layer.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>其他类别编号栅格，例如土地覆被。每幅栅格成为一个以其图层命名的因子。</translation>
    </message>
    <message>
        <source>Further rasters of measured values, such as distance to roads or a vegetation index. Each becomes a factor named after its layer.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>其他测量值栅格，例如到道路的距离或植被指数。每幅栅格成为一个以其图层命名的因子。</translation>
    </message>
    <message>
        <source>Further rasters that are added to RAIN, for daily rain: one day as RAIN, the other six here. Cells without data in one of them are not assessed.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>与 RAIN 相加的其他栅格，用于逐日降雨：一天作为 RAIN，其余六天放在这里。其中任何一幅没有数据的像元不作评价。</translation>
    </message>
    <message>
        <source>GPU of an Apple computer</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>苹果电脑的 GPU</translation>
    </message>
    <message>
        <source>Generates a synthetic mountain area whose landslides follow a known probability, to try Scarp on and to see how close a trained model comes to the truth.
The folder holds a DEM with valleys and drainage, annual rain and temperature at 1 km, rivers, faults, lithology, landform, seismic intensity, climate zones, a study area, regions in which different causes of landslides dominate, and a landslide inventory with the flaws of real ones: missed landslides in remote parts, duplicates, and missing sizes. true_probability.tif is what the landslides were drawn from. Everything is invented; it shows no real place.</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>生成一个合成的山区，其滑坡服从已知的概率，用来试用 Scarp，并查看训练出的模型与真值有多接近。
文件夹中有带河谷和水系的 DEM、1 km 的年降水量和年平均气温、河流、断层、岩性、地貌、地震烈度、气候分区、研究区、以不同滑坡成因为主的各个区域，以及一份带有真实编录常见缺陷的滑坡编录：偏远处漏记的滑坡、重复记录和缺失的规模。true_probability.tif 是抽取滑坡所依据的概率。一切均为虚构，并不表示真实地点。</translation>
    </message>
    <message>
        <source>GeoTIFF of METHOD=infinite_slope: share of the draws from the ranges in which the factor of safety is below 1. It can be validated like a susceptibility.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>METHOD=infinite_slope 的 GeoTIFF：从各范围所作的抽样中稳定系数低于 1 的占比。它可以像易发性一样验证。</translation>
    </message>
    <message>
        <source>GeoTIFF of warning classes from 1, below the threshold, to 4, severe; names and colours are in it.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>预警等级的 GeoTIFF，从 1（低于阈值）到 4（严重）；名称和颜色已写入其中。</translation>
    </message>
    <message>
        <source>GeoTIFF of zone numbers from 1, very low; 0 is no data. Names and colours are in it. The verdict is that of the map, and do not use where zones are closer together than the noise of the model.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>分区编号的 GeoTIFF，从 1（极低）开始；0 为无数据。名称和颜色已写入其中。结论沿用易发性图的结论；若各分区之间的差距小于模型的噪声，则为“请勿使用”。</translation>
    </message>
    <message>
        <source>GeoTIFF on the grid of the DEM with the id of the unit of each cell; 0 is no data.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>位于 DEM 格网上的 GeoTIFF，给出各像元所属单元的编号；0 为无数据。</translation>
    </message>
    <message>
        <source>GeoTIFF with R7 in millimetres.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>R7 的 GeoTIFF，单位为毫米。</translation>
    </message>
    <message>
        <source>GeoTIFF with nine classes of susceptibility and uncertainty in one map. Low is less than half the mean landslide density of the training land, high more than twice. Certain is a standard error of the susceptibility below 0.05, very uncertain from 0.1 on. It needs what OUTPUT_UNCERTAINTY needs.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>在一幅图中以九个类别表示易发性与不确定性的 GeoTIFF。低为不到训练土地平均滑坡密度的一半，高为超过其两倍。确定为易发性的标准误差低于 0.05，很不确定为从 0.1 起。所需条件与 OUTPUT_UNCERTAINTY 相同。</translation>
    </message>
    <message>
        <source>GeoTIFF with one band per factor, in physical units, with names and descriptions.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>每个因子占一个波段的 GeoTIFF，采用物理单位，带有名称和说明。</translation>
    </message>
    <message>
        <source>GeoTIFF with the number of the factor that adds or takes most in each cell; 0 is no data. Names and colours are in it.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>每个像元中增减作用最大的因子编号的 GeoTIFF；0 为无数据。名称和颜色已写入其中。</translation>
    </message>
    <message>
        <source>GeoTIFF with the rank of each cell on the map less its rank by slope alone (band 1) and by the factor of safety (band 2), −1 to 1. Ranks are shares of the land with a lower value.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>GeoTIFF，各像元在易发性图上的排序减去其按仅用坡度（波段 1）和按稳定系数（波段 2）的排序，−1 到 1。排序为数值更低的土地所占比例。</translation>
    </message>
    <message>
        <source>GeoTIFF, 0 to 1, more is more susceptible. On the stack&apos;s cells, or on cells of 600 m if all models predict patches of 600 m (BPNN and ResNet). The log and the layer state the verdict: usable, weak or do not use, and why.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>GeoTIFF，0 到 1，越大越易发。采用因子栈的像元；当所有模型都以 600 m 的小块进行预测时（BPNN 和 ResNet），采用 600 m 的像元。日志和图层给出结论（可用、较弱或请勿使用）及其理由。</translation>
    </message>
    <message>
        <source>GeoTIFF, 0 to 1. Below 0.5 the rain exceeds the threshold.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>GeoTIFF，0 到 1。低于 0.5 表示雨量超过阈值。</translation>
    </message>
    <message>
        <source>GeoTIFF. Band 1: dissimilarity index, how unlike the training land a cell is by what matters to the model; 1 is the mean distance between two training cells. Band 2: AUC to expect on land like this cell, of the variety of the training land; no data where none can be expected. The log states the AUC to expect of the whole map. Needs models of the recommended training.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>GeoTIFF。波段 1：相异性指数，即就对模型重要的方面而言，像元与训练土地有多不相似；1 为两个训练像元之间的平均距离。波段 2：在与该像元相似、多样程度与训练土地相当的土地上可预期的 AUC；无法预期之处为无数据。日志给出整幅图可预期的 AUC。需要由 recommended 训练得到的模型。</translation>
    </message>
    <message>
        <source>GeoTIFF. Band 1: number of factors outside the training data of the model; 0 is inside. Do not trust the map where many are outside. With models of the recommended training also band 2: area of applicability, 1 inside, 0 outside; and band 3: local point density, how many training cells are as much like a cell as land in the area is, at most 254. Of several models the worst counts.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>GeoTIFF。波段 1：超出模型训练数据范围的因子个数；0 表示在范围之内。个数多的地方请勿相信易发性图。由 recommended 训练得到的模型还有波段 2：适用区，1 为区内，0 为区外；以及波段 3：局部点密度，即有多少训练像元与该像元的相似程度不亚于适用区内的土地，最多 254。有多个模型时取最差者。</translation>
    </message>
    <message>
        <source>GeoTIFF. One model of PRESET=recommended: its standard error, by the models of its folds, each of which was trained without a fifth of the land; and lower and upper bound of an interval that held the landslide density of nine tenths of the areas that were left out whole, for low, medium and high susceptibility. With SAMPLES or several models: the standard deviation over them. Models of earlier versions and other kinds need one of these.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>GeoTIFF。PRESET=recommended 的单个模型：其标准误差，由各折的模型得到，每个模型训练时都留出了五分之一的土地；以及区间的下限和上限，对于低、中、高易发性，该区间包含了整体留出的各地区中十分之九的滑坡密度。给出 SAMPLES 或多个模型时：各次采样或各模型之间的标准差。早期版本的模型和其他种类的模型需要这两者之一。</translation>
    </message>
    <message>
        <source>GeoTIFF. The rain index is 0 to 1; below 0.5 the rain exceeds the critical rainfall. The factor of safety is 0.01 to 100; below 1 the slope fails.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>GeoTIFF。降雨指数为 0 到 1；低于 0.5 之处雨量超过临界雨量。稳定系数为 0.01 到 100；低于 1 之处边坡失稳。</translation>
    </message>
    <message>
        <source>GeoTIFF: 1 landslide, 0 stable, 255 unknown.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>GeoTIFF：1 滑坡，0 稳定，255 未知。</translation>
    </message>
    <message>
        <source>HTML (*.html)</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>HTML (*.html)</translation>
    </message>
    <message>
        <source>Historical landslides</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>历史滑坡</translation>
    </message>
    <message>
        <source>Hit rate of the threshold</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>阈值的命中率</translation>
    </message>
    <message>
        <source>Horizontal acceleration of an earthquake as part of gravity, such as 0.1; 0 without one. A number, a range or a table by class, such as VII: 0.05; VIII: 0.1 for the seismic intensity of the stack.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>地震的水平加速度与重力加速度之比，例如 0.1；不考虑地震时为 0。可填一个数、一个范围或按类别的表格，例如按因子栈的地震烈度填写 VII: 0.05; VIII: 0.1。</translation>
    </message>
    <message>
        <source>Host</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>主机</translation>
    </message>
    <message>
        <source>How classes of rock, landform and so on reach the network. one_hot: one channel per class. codes: the code as a number, as in the paper, although class 4 is not twice class 2.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>岩性、地貌等类别以何种方式输入网络。one_hot：每个类别一个通道。codes：将代码作为数字，与论文一致，尽管类别 4 并不是类别 2 的两倍。</translation>
    </message>
    <message>
        <source>How do you want to start? The menu Plugins &gt; Scarp has all of this, too.</source>
        <extracomment>gui/start.py</extracomment>
        <translation>您想怎样开始？菜单“插件 &gt; Scarp”中也有。</translation>
    </message>
    <message>
        <source>How many blocks are sampled, half of them with landslides. More give narrower intervals and take longer.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>抽取多少个区块，其中一半含有滑坡。越多则区间越窄，耗时越长。</translation>
    </message>
    <message>
        <source>How many of the five regions there are, from 1 to 5: river erosion, incised valleys, till and faults, freeze and thaw, human activity.</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>五种区域取多少种，1 到 5：河流侵蚀、深切河谷、冰碛与断层、冻融、人类活动。</translation>
    </message>
    <message>
        <source>How often blocks of land are resampled and stable points drawn, for intervals and tests.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>对区块重抽样以及抽取稳定点的次数，用于区间和检验。</translation>
    </message>
    <message>
        <source>How often blocks of land are resampled for the intervals.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>为得到区间而对区块重抽样的次数。</translation>
    </message>
    <message>
        <source>How often each cell is computed with part of the network switched off at random (Monte Carlo dropout). The spread shows how certain the model is. 0: none; 20 is a reasonable number and takes 20 times as long.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>随机关闭网络的一部分、对每个像元重复计算的次数（Monte Carlo dropout）。其离散程度说明模型有多大把握。0：不计算；20 是合适的取值，耗时为 20 倍。</translation>
    </message>
    <message>
        <source>How often the U-Net halves the resolution for a wider view. With PRESET=recommended it is the largest depth of a U-Net that is tried on top of the network of single cells, and kept if it is better out of fold; 0 tries none.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>U-Net 将分辨率减半的次数，次数越多，视野越宽。PRESET=recommended 时，它是在逐像元网络之上试用的 U-Net 的最大深度，折外结果更好时才保留；0 表示不试用。</translation>
    </message>
    <message>
        <source>How well landslides are ranked above stable land; 0.5 is chance, 1 is perfect.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>滑坡在多大程度上排在稳定区之前；0.5 相当于随机，1 为完美。</translation>
    </message>
    <message>
        <source>How windows are divided into training, validation and test. spatial_blocks: whole blocks are held out for validation and test, so the test area was never seen. random: window by window as in the paper, which gives better numbers because neighbours are alike.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:traincomparisonmodel …</extracomment>
        <translation>窗口如何划分为训练、验证和测试。spatial_blocks：留出整个区块用于验证和测试，因此测试区从未用于训练。random：与论文一致，逐个窗口随机分配，由于相邻处彼此相似，数值会更好看。</translation>
    </message>
    <message>
        <source>Hydraulic conductivity of the saturated soil times its thickness, in m²/day: a number, a range or a table by class. Only its ratio to RECHARGE matters.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>饱和土体的渗透系数乘以其厚度，单位为 m²/day：可填一个数、一个范围或按类别的表格。起作用的只是它与 RECHARGE 之比。</translation>
    </message>
    <message>
        <source>In a process of its own</source>
        <extracomment>processing_provider/settings.py</extracomment>
        <translation>在独立进程中</translation>
    </message>
    <message>
        <source>In the first of at most {most} epochs: {percent} % done.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多 {most} 轮，第一轮已完成 {percent} %。</translation>
    </message>
    <message>
        <source>Infinite slope: cohesion with roots (kPa)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：含根系的黏聚力（kPa）</translation>
    </message>
    <message>
        <source>Infinite slope: contributing area (m²)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：汇水面积（m²）</translation>
    </message>
    <message>
        <source>Infinite slope: elevation model</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：高程模型</translation>
    </message>
    <message>
        <source>Infinite slope: friction angle (degrees)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：内摩擦角（度）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of cohesion (kPa)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：黏聚力栅格（kPa）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of friction angle (degrees)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：内摩擦角栅格（度）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of recharge (mm/day)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：补给量栅格（mm/day）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of saturation (0 to 1)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：饱和度栅格（0 到 1）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of soil depth (m)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：土层深度栅格（m）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of the seismic coefficient</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：地震系数栅格</translation>
    </message>
    <message>
        <source>Infinite slope: raster of transmissivity (m²/day)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：导水系数栅格（m²/day）</translation>
    </message>
    <message>
        <source>Infinite slope: raster of unit weight (kN/m³)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：重度栅格（kN/m³）</translation>
    </message>
    <message>
        <source>Infinite slope: recharge (mm/day)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：补给量（mm/day）</translation>
    </message>
    <message>
        <source>Infinite slope: saturation (0 to 1)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：饱和度（0 到 1）</translation>
    </message>
    <message>
        <source>Infinite slope: seismic coefficient</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：地震系数</translation>
    </message>
    <message>
        <source>Infinite slope: slope (degrees)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：坡度（度）</translation>
    </message>
    <message>
        <source>Infinite slope: soil depth (m)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：土层深度（m）</translation>
    </message>
    <message>
        <source>Infinite slope: transmissivity (m²/day)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：导水系数（m²/day）</translation>
    </message>
    <message>
        <source>Infinite slope: unit weight of the soil (kN/m³)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>无限边坡：土的重度（kN/m³）</translation>
    </message>
    <message>
        <source>Inputs, outputs and numbers, then and now, one per row, with what differs.</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>输入、输出和数值的当时值与现在值，每行一项，并注明不同之处。</translation>
    </message>
    <message>
        <source>Inside QGIS</source>
        <extracomment>processing_provider/settings.py</extracomment>
        <translation>在 QGIS 内</translation>
    </message>
    <message>
        <source>Inspecting this computer…</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>正在检查此计算机…</translation>
    </message>
    <message>
        <source>Install</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>安装</translation>
    </message>
    <message>
        <source>Install again</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>重新安装</translation>
    </message>
    <message>
        <source>Install what Scarp needs</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>安装 Scarp 所需组件</translation>
    </message>
    <message>
        <source>Install what Scarp needs…</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>安装 Scarp 所需组件…</translation>
    </message>
    <message>
        <source>Internet</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>互联网</translation>
    </message>
    <message>
        <source>Into</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>安装到</translation>
    </message>
    <message>
        <source>Inventory for the critical rainfall, the PERCENTILE of R7 at the landslides of each terrain class, and for its hit rate. Classes with too few landslides get the value of all together.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>用来求取临界雨量及其命中率的滑坡编录；临界雨量为每种地形类型上各滑坡处 R7 的第 PERCENTILE 百分位数。滑坡过少的类型取全部滑坡的值。</translation>
    </message>
    <message>
        <source>It is being installed; the bar at the bottom of QGIS&apos;s window shows the progress. Open the step again when that is done.</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>正在安装；QGIS 窗口底部的进度条显示进度。安装完成后请重新打开此步骤。</translation>
    </message>
    <message>
        <source>It is open as this layer of the project: {layers}.</source>
        <extracomment>algorithms/base/open_layers.py</extracomment>
        <translation>它已在项目中作为此图层打开：{layers}。</translation>
    </message>
    <message>
        <source>It was made with Python {old}; QGIS now runs on Python {new}.</source>
        <extracomment>environment/private.py</extracomment>
        <translation>它是用 Python {old} 创建的；QGIS 现在使用 Python {new}。</translation>
    </message>
    <message>
        <source>Its Python cannot be found: QGIS was upgraded or removed, or the folder was moved.</source>
        <extracomment>environment/private.py</extracomment>
        <translation>找不到它的 Python：QGIS 已升级或移除，或该文件夹已被移动。</translation>
    </message>
    <message>
        <source>Kind of buildings</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>建筑物种类</translation>
    </message>
    <message>
        <source>Kind of model</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:traincomparisonmodel</extracomment>
        <translation>模型类型</translation>
    </message>
    <message>
        <source>Kind of roads</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>道路种类</translation>
    </message>
    <message>
        <source>Kinds side by side</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>各类模型对照表</translation>
    </message>
    <message>
        <source>Knots of the curves</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>曲线节点数</translation>
    </message>
    <message>
        <source>Known stable land</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>已知的稳定区</translation>
    </message>
    <message>
        <source>Labels of more areas</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>其他地区的标签</translation>
    </message>
    <message>
        <source>Land less steep than this, in degrees, over MIN_AREA or more is a unit of flat land. 0: none is.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>坡度低于此值（度）且面积达到 MIN_AREA 的土地成为平地单元。0：不划出平地。</translation>
    </message>
    <message>
        <source>Land that drains through a cell, in square metres, the cell itself included, on the grid of REFERENCE; flow accumulation of SAGA or GRASS. Without it the band contributing_area of the stack is used (TERRAIN with flow), else the DEM.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>水流经一个像元的土地的面积，单位为平方米，包括像元本身，位于 REFERENCE 的格网上；即 SAGA 或 GRASS 的汇流累积量。不给出时使用因子栈的 contributing_area 波段（TERRAIN 含 flow 时有此波段），否则由 DEM 计算。</translation>
    </message>
    <message>
        <source>Landform</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>地貌</translation>
    </message>
    <message>
        <source>Landform field</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地貌字段</translation>
    </message>
    <message>
        <source>Landslide and stable points with their susceptibility and outcome: hit, miss, false_alarm, correct_rejection.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>滑坡点和稳定点及其易发性和判别结果：hit（命中）、miss（漏报）、false_alarm（误报）、correct_rejection（正确否定）。</translation>
    </message>
    <message>
        <source>Landslide labels</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>滑坡标签</translation>
    </message>
    <message>
        <source>Landslide polygons count as</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>滑坡面的计数方式</translation>
    </message>
    <message>
        <source>Landslide susceptibility of the district of …</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>县域滑坡易发性图：…</translation>
    </message>
    <message>
        <source>Landslide warning</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>滑坡预警</translation>
    </message>
    <message>
        <source>Landslides</source>
        <extracomment>gui/demo_project.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>滑坡</translation>
    </message>
    <message>
        <source>Landslides of the training</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>训练所用的滑坡</translation>
    </message>
    <message>
        <source>Largest area (m²)</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>最大面积（m²）</translation>
    </message>
    <message>
        <source>Largest area of a unit in m²: larger ones are split even where they face one way, as far as streams allow. Without it only ASPECT_VARIANCE decides. Flat land is not split.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>单元的最大面积，以 m² 计：更大的单元即使朝向一致也继续划分，直到水系不再允许。不给出时仅由 ASPECT_VARIANCE 决定。平地不划分。</translation>
    </message>
    <message>
        <source>Layer of windows that a training wrote, with the field subset. They count for all maps.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>某次训练写出的窗口图层，含字段 subset。对所有图都有效。</translation>
    </message>
    <message>
        <source>Layer of windows that the training wrote, with the field subset.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>训练写出的窗口图层，含字段 subset。</translation>
    </message>
    <message>
        <source>Learning rate</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>学习率</translation>
    </message>
    <message>
        <source>Learns from the landslides which land is susceptible, and tests it on land that it did not see.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>由滑坡学习哪些土地易发，并在未见过的土地上测试。</translation>
    </message>
    <message>
        <source>Limits of use</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>使用限制</translation>
    </message>
    <message>
        <source>Lines of geological faults, beyond the border of the DEM if available.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地质断层线，如有可能请延伸到 DEM 边界以外。</translation>
    </message>
    <message>
        <source>Lines, whose length in each zone is measured.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>线，统计其在各分区中的长度。</translation>
    </message>
    <message>
        <source>Lines. Extend the layer beyond the DEM by the search radius to avoid edge effects.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>线。请使该图层超出 DEM 一个搜索半径，以避免边缘效应。</translation>
    </message>
    <message>
        <source>Lithology</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>岩性</translation>
    </message>
    <message>
        <source>Lithology field</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>岩性字段</translation>
    </message>
    <message>
        <source>Load the demo project</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>加载演示项目</translation>
    </message>
    <message>
        <source>Log</source>
        <extracomment>gui/steps/dock.py, gui/steps/page.py</extracomment>
        <translation>日志</translation>
    </message>
    <message>
        <source>Logistic regression</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>逻辑回归</translation>
    </message>
    <message>
        <source>Logo</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>徽标</translation>
    </message>
    <message>
        <source>Looks for wrong units, gaps and factors that say the same, before time goes into a training.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>在花时间训练之前，查找错误的单位、缺失之处和内容重复的因子。</translation>
    </message>
    <message>
        <source>Loss</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>损失</translation>
    </message>
    <message>
        <source>Low susceptibility</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>低易发性</translation>
    </message>
    <message>
        <source>MODEL: {path} does not exist. Check the path, or train a model first.</source>
        <extracomment>algorithms/predictsusceptibility.py</extracomment>
        <translation>MODEL：{path} 不存在。请检查路径，或先训练一个模型。</translation>
    </message>
    <message>
        <source>Made:</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>生成：</translation>
    </message>
    <message>
        <source>Make the map</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>制作易发性图</translation>
    </message>
    <message>
        <source>Make the map sheet</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>制作图幅</translation>
    </message>
    <message>
        <source>Map</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>制图</translation>
    </message>
    <message>
        <source>Map from &quot;Predict susceptibility&quot;, or any other raster from 0 (stable) to 1.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:rainfallwarning …</extracomment>
        <translation>“预测易发性”得到的图，或任何取值从 0（稳定）到 1 的栅格。</translation>
    </message>
    <message>
        <source>Map from &quot;Predict susceptibility&quot;, or any raster in which more means more susceptible.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>“预测易发性”得到的图，或任何数值越大越易发的栅格。</translation>
    </message>
    <message>
        <source>Map from &quot;Predict susceptibility&quot;, or any raster in which more means more susceptible. For a test of a model that all landslides trained, give its out-of-fold map.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>“预测易发性”得到的图，或任何数值越大越易发的栅格。若要检验用全部滑坡训练的模型，请给出其折外预测图。</translation>
    </message>
    <message>
        <source>Map sheet</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>图幅</translation>
    </message>
    <message>
        <source>Map step by step</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>分步制图</translation>
    </message>
    <message>
        <source>Mapped area</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>编录范围</translation>
    </message>
    <message>
        <source>Maps an area without mapped landslides with a model that was trained elsewhere: factor stack, a check of the factors, susceptibility, zones, and a map of applicability. Give the DEM, the model file, and a layer for every factor that the model was trained with; if one is missing, the log names it. Classes are matched by name. To classify at the breaks of the earlier area, give its zones or zone table as well. Do not trust the map where the applicability shows factors outside the training range, and validate it as soon as landslides are mapped.</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>用在别处训练的模型为没有滑坡编录的地区制图：因子栈、因子检查、易发性、分区，以及适用性图。请给出 DEM、模型文件，以及模型训练所用每个因子的图层；如有缺少，日志会指明。类别按名称匹配。若要按先前地区的分界值划分，请同时给出该地区的分区或分区表。适用性图显示有因子超出训练范围之处，请勿相信易发性图；一旦有了滑坡编录就应进行验证。</translation>
    </message>
    <message>
        <source>Maps of more areas</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>其他地区的图</translation>
    </message>
    <message>
        <source>Maps the susceptibility, and cuts it into five zones.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>绘制易发性图，并将其划分为五级分区。</translation>
    </message>
    <message>
        <source>Maximum epochs</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>最大轮数</translation>
    </message>
    <message>
        <source>Maximum number of blocks</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>最大区块数</translation>
    </message>
    <message>
        <source>Mean AUC on land not seen with its interval, folds, curves, baselines, map of the folds and random split, in one file that opens in any browser.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>在未见过的土地上的平均 AUC 及其区间、各折、曲线、基线、各折分布图和随机划分，写在一个可用任何浏览器打开的文件中。</translation>
    </message>
    <message>
        <source>Method</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:classifyzones …</extracomment>
        <translation>方法</translation>
    </message>
    <message>
        <source>Millimetres in the last or the coming seven days, in any coordinate system and cell size; coarse rasters are smoothed onto the map.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>过去或未来七天的毫米数，坐标系和像元大小不限；较粗的栅格会平滑地插值到易发性图上。</translation>
    </message>
    <message>
        <source>Millimetres per year, at any resolution; coarse rasters are interpolated to the grid.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>每年的毫米数，分辨率不限；较粗的栅格会插值到格网上。</translation>
    </message>
    <message>
        <source>Millimetres per year: a raster, interpolated to the grid if it is coarse (1 km); or points of weather stations, which are interpolated.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>每年的毫米数：可以是栅格，较粗的栅格（1 km）会插值到格网上；也可以是气象站点，对站点进行插值。</translation>
    </message>
    <message>
        <source>Model</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>模型</translation>
    </message>
    <message>
        <source>Model:</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>模型：</translation>
    </message>
    <message>
        <source>Models and histories</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>模型和训练历史</translation>
    </message>
    <message>
        <source>Models trained last</source>
        <extracomment>gui/recent_models.py</extracomment>
        <translation>最近训练的模型</translation>
    </message>
    <message>
        <source>Monotone curves</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>单调曲线</translation>
    </message>
    <message>
        <source>Moran&apos;s I of the mean aspect of neighbouring units; low where neighbours face other ways</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>相邻单元平均坡向的莫兰指数（Moran&apos;s I）；相邻单元朝向不同时较低</translation>
    </message>
    <message>
        <source>More layers</source>
        <extracomment>gui/steps/inputs_form.py</extracomment>
        <translation>更多图层</translation>
    </message>
    <message>
        <source>More models for an ensemble</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>用于集成的其他模型</translation>
    </message>
    <message>
        <source>More rain to add (mm)</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>相加的其他降雨（mm）</translation>
    </message>
    <message>
        <source>More susceptible than {n} % of the map.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>比图上 {n} % 的土地更易发。</translation>
    </message>
    <message>
        <source>More that is exposed</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>其他承灾体</translation>
    </message>
    <message>
        <source>Moved inputs</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>已移动的输入</translation>
    </message>
    <message>
        <source>N</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>北</translation>
    </message>
    <message>
        <source>NE</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>东北</translation>
    </message>
    <message>
        <source>NVIDIA GPU</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>NVIDIA GPU</translation>
    </message>
    <message>
        <source>NVIDIA graphics card, CUDA 12.6</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>NVIDIA 显卡，CUDA 12.6</translation>
    </message>
    <message>
        <source>NVIDIA graphics card, CUDA 12.8</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>NVIDIA 显卡，CUDA 12.8</translation>
    </message>
    <message>
        <source>NVIDIA graphics card, CUDA 13.0</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>NVIDIA 显卡，CUDA 13.0</translation>
    </message>
    <message>
        <source>NW</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>西北</translation>
    </message>
    <message>
        <source>Name</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>名称</translation>
    </message>
    <message>
        <source>Name field</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>名称字段</translation>
    </message>
    <message>
        <source>Name of the region for a column of the zone table. Empty: the one that the map states, if any.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>区域名称，用作分区表的一列。留空：使用图中注明的名称（如有）。</translation>
    </message>
    <message>
        <source>Name of the region that the map shows, for a column of the table of numbers and of the points. Empty: the one that the map states, if any.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>图所示区域的名称，用作数值表和点图层的一列。留空：使用图中注明的名称（如有）。</translation>
    </message>
    <message>
        <source>Name of the region that the map shows, for work on several regions. It is stored in the maps, and the tables of the next steps get a column with it. Leave it empty for a single map.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>图所示区域的名称，用于处理多个区域。它保存在图中，后续步骤的表格会增加一列记录它。只有一幅图时请留空。</translation>
    </message>
    <message>
        <source>Name of the region:</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>区域名称：</translation>
    </message>
    <message>
        <source>Name of who answers for the map</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>对本图负责者的姓名</translation>
    </message>
    <message>
        <source>Names of the maps</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>各图的名称</translation>
    </message>
    <message>
        <source>Needs {needed:.1f} GB during the installation and {stays:.1f} GB afterwards; {free:.0f} GB are free.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>安装过程中需要 {needed:.1f} GB，安装后占用 {stays:.1f} GB；可用空间 {free:.0f} GB。</translation>
    </message>
    <message>
        <source>Next</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>下一步</translation>
    </message>
    <message>
        <source>Next: {step}</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>下一步：{step}</translation>
    </message>
    <message>
        <source>No NVIDIA graphics card was found.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>没有找到 NVIDIA 显卡。</translation>
    </message>
    <message>
        <source>No Python was found. Install one from python.org and choose it with Other…</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>没有找到 Python。请从 python.org 安装，并用“其他…”选择它。</translation>
    </message>
    <message>
        <source>No model was trained yet</source>
        <extracomment>gui/recent_models.py</extracomment>
        <translation>尚未训练过模型</translation>
    </message>
    <message>
        <source>No program on this computer opens {file}.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>本计算机上没有可打开 {file} 的程序。</translation>
    </message>
    <message>
        <source>No update since epoch {n}: its program was closed or killed.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>自第 {n} 轮起没有更新：其程序已关闭或被终止。</translation>
    </message>
    <message>
        <source>No update since step {n}: its program was closed or killed.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>自第 {n} 步起没有更新：其程序已关闭或被终止。</translation>
    </message>
    <message>
        <source>No values.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>没有数值。</translation>
    </message>
    <message>
        <source>No zones of this map were found.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>没有找到此图的分区。</translation>
    </message>
    <message>
        <source>Not everything could be deleted: {reason}. Close other QGIS windows and try again.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>未能全部删除：{reason}。请关闭其他 QGIS 窗口后重试。</translation>
    </message>
    <message>
        <source>Not in the list, but used because you chose the source: {files}</source>
        <extracomment>environment/install.py</extracomment>
        <translation>以下文件不在清单中，但因来源由您选择而予以使用：{files}</translation>
    </message>
    <message>
        <source>Not used with METHOD={method}: {names}.</source>
        <extracomment>algorithms/buildsafetyfactor.py</extracomment>
        <translation>METHOD={method} 时不使用：{names}。</translation>
    </message>
    <message>
        <source>Number of days with rain in the rainy season. The paper does not print its numbers: take yours from a weather station.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>雨季中有雨的天数。论文没有印出所用数值，请取自气象站资料。</translation>
    </message>
    <message>
        <source>Number of groups into which the blocks are divided. Automatic: 5, or as many as there are blocks with landslides, at least 3.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>区块划分成的组数。自动：5，或与含滑坡的区块同样多，至少为 3。</translation>
    </message>
    <message>
        <source>Number of permutations of each factor.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>每个因子被置换的次数。</translation>
    </message>
    <message>
        <source>Number of regions</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>区域数</translation>
    </message>
    <message>
        <source>Number of typical combinations of factor values with which each cell is compared to find its dominant factor. More are more exact and take longer.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>为求主导因子，每个像元与多少种典型的因子值组合作比较。越多越精确，耗时也越长。</translation>
    </message>
    <message>
        <source>Numbers</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:explainsusceptibility …</extracomment>
        <translation>数值表</translation>
    </message>
    <message>
        <source>Numbers: </source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>数值结果：</translation>
    </message>
    <message>
        <source>Numerical precision</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>数值精度</translation>
    </message>
    <message>
        <source>OUTPUTS</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>输出</translation>
    </message>
    <message>
        <source>OUTPUT_PDF is left out: this computer has no font, so the sheet would show a black box for each letter. Install one, such as the package fonts-dejavu-core, and run this again.</source>
        <extracomment>algorithms/validatewithpoints.py</extracomment>
        <translation>OUTPUT_PDF 未生成：本计算机没有字体，图幅上的每个字母都会显示为黑块。请安装一种字体，例如软件包 fonts-dejavu-core，然后重新运行。</translation>
    </message>
    <message>
        <source>Office or company</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>机关或公司</translation>
    </message>
    <message>
        <source>One .safetensors file with the model that is kept, its factors, settings and metrics, and the numbers of the kinds that were tried.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>一个 .safetensors 文件，含所保留的模型及其因子、设置和指标，以及所尝试的各类模型的数值。</translation>
    </message>
    <message>
        <source>One .safetensors file with the model, its factors, settings and metrics. It holds no program code, whatever the kind.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>一个 .safetensors 文件，含模型及其因子、设置和指标。无论何种模型，其中都不含程序代码。</translation>
    </message>
    <message>
        <source>One .safetensors file with the network, its factors, settings, history and metrics.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>一个 .safetensors 文件，含网络及其因子、设置、训练历史和指标。</translation>
    </message>
    <message>
        <source>One file that says whether the land is new to the model, and shows the map beside slope alone and the factor of safety: rank correlations, maps, where they disagree and by which factors, and what lies outside the training data. Needs matplotlib and jinja2.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>一个文件，说明土地对模型而言是否为新的，并将易发性图与仅用坡度和稳定系数的结果并列：秩相关、各图、不一致之处及其相关因子，以及超出训练数据的部分。需要 matplotlib 和 jinja2。</translation>
    </message>
    <message>
        <source>One file with figures and tables, to open in any browser, print or send by mail.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>包含图和表格的单个文件，可用任意浏览器打开、打印或用邮件发送。</translation>
    </message>
    <message>
        <source>One file with tables and figures that opens in any browser.</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>包含表格和图的单个文件，可用任意浏览器打开。</translation>
    </message>
    <message>
        <source>One file with tables and figures, to open in any browser, print or send by e-mail.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>包含表格和图的单个文件，可用任意浏览器打开、打印或用电子邮件发送。</translation>
    </message>
    <message>
        <source>One file with the verdict on the map, tables and figures, to open in any browser, print or send by e-mail. With WINDOWS it begins with the numbers of the test windows. With BUILDINGS, ROADS or EXPOSURE it says how many of them lie in the zones of the map.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>一个文件，含对图的结论、表格和图件，可用任何浏览器打开、打印或通过电子邮件发送。给出 WINDOWS 时，以测试窗口的数值开头。给出 BUILDINGS、ROADS 或 EXPOSURE 时，说明其中有多少位于图的各分区。</translation>
    </message>
    <message>
        <source>One file with units by zone, the most susceptible ones, AUC by unit and by cell and by squares of other sizes, to open in any browser, print or send by e-mail.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>一个文件，含各分区的单元、最易发的单元，以及按单元、按像元和按其他大小的方格计算的 AUC，可用任何浏览器打开、打印或通过电子邮件发送。</translation>
    </message>
    <message>
        <source>One line per input, such as STACK=/data/factors.tif, for inputs that were moved, or that were temporary layers and have been saved since. Files beside the record are found by their name.</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>每个输入一行，例如 STACK=/data/factors.tif，用于已被移动的输入，或原为临时图层、此后已保存的输入。位于记录旁的文件会按名称找到。</translation>
    </message>
    <message>
        <source>One name a raster, in their order, for report and tables. Rasters with the same name are pieces of one map, such as the maps of five regions. Empty: the names of the layers.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>按顺序为每幅栅格给出一个名称，用于报告和表格。名称相同的栅格是同一幅图的各个部分，例如五个区域的图。留空：使用图层名称。</translation>
    </message>
    <message>
        <source>One row a kind: AUC out of fold with its interval, against stable land and of the fit, and how far it is behind the best, with the paired interval.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>每类模型一行：折外 AUC 及其区间、与稳定区相对照的值、拟合的值，以及落后于最佳模型多少及其配对区间。</translation>
    </message>
    <message>
        <source>One row a region with the main numbers of each map, then the whole, the mean and the worst region.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>每个区域一行，列出各图的主要数值，然后是全部区域、平均值和最差区域。</translation>
    </message>
    <message>
        <source>One row per class: its name and k, for instance from past weeks of rain with landslides. It overrides SAFETY_FACTOR. As text: lakes,0.0119,glaciers,0.0263. Classes without a row get K; without K the paper&apos;s table applies, where the names match.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>每种类型一行：名称和 k，例如由以往各周降雨与滑坡得到的值。它优先于 SAFETY_FACTOR。用文本写作：lakes,0.0119,glaciers,0.0263。没有列出的类型取 K；没有 K 时，名称相符者取论文表格中的值。</translation>
    </message>
    <message>
        <source>One row per class: its name and k, which is 1 divided by the critical rainfall in mm. The row &quot;all&quot; is for classes without a row, and for the whole area without classes. As text: lakes,0.0119,glaciers,0.0263. Empty: from LANDSLIDES, or the paper&apos;s table by name.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>每种类型一行：名称和 k，k 等于 1 除以以 mm 为单位的临界雨量。“all”一行用于没有单独列出的类型，没有划分类型时用于整个区域。用文本写作：lakes,0.0119,glaciers,0.0263。留空：由 LANDSLIDES 求得，或按名称取自论文的表格。</translation>
    </message>
    <message>
        <source>One row per size: its name or code, and the radius in metres. As text: giant,600,large,500. The row &quot;unrecorded&quot; is for landslides without a size. For polygons the radius is a buffer around them. Empty: automatic, or with PRESET=paper 600 m for giant, 500 m for large, 400 m for medium and 300 m for all other landslides; around polygons no buffer.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>每种规模一行：名称或代码，以及以米为单位的半径。用文本写作：giant,600,large,500。“unrecorded”一行用于没有规模的滑坡。对于面，半径是其周围的缓冲区。留空：自动；PRESET=paper 时巨型滑坡取 600 m，大型取 500 m，中型取 400 m，其余滑坡取 300 m，面的周围不设缓冲区。</translation>
    </message>
    <message>
        <source>Open log</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>打开日志</translation>
    </message>
    <message>
        <source>Open the curves of a training</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>打开某次训练的曲线</translation>
    </message>
    <message>
        <source>Open the dialog of this step with all its settings, filled in</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>打开此步骤的对话框，其全部设置均已填好</translation>
    </message>
    <message>
        <source>Open the report of this training in the browser</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>在浏览器中打开此次训练的报告</translation>
    </message>
    <message>
        <source>Open the tutorial</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>打开教程</translation>
    </message>
    <message>
        <source>Open…</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>打开…</translation>
    </message>
    <message>
        <source>Organisation</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>单位</translation>
    </message>
    <message>
        <source>Other…</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>其他…</translation>
    </message>
    <message>
        <source>Out of fold: {numbers}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>折外：{numbers}。</translation>
    </message>
    <message>
        <source>Out-of-fold map</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>折外预测图</translation>
    </message>
    <message>
        <source>Out-of-fold map: GeoTIFF with the susceptibility of each cell by the model of the fold that did not see its block. Give it to &quot;Validate with points&quot; as OUT_OF_FOLD: all landslides train the model, so its own map would show a fit. Not for maps to use: seams between blocks are differences of the models. It takes as long as a map.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>折外预测图：GeoTIFF，每个像元的易发性由没有见过其区块的那一折的模型给出。请将它作为 OUT_OF_FOLD 用于“用点数据验证”：全部滑坡都参与模型的训练，因此模型自身的图只能说明拟合程度。不要用它制图：区块之间的接缝是各模型之间的差异。耗时与生成一幅图相同。</translation>
    </message>
    <message>
        <source>Out-of-fold map: GeoTIFF with the susceptibility of each cell by the model of the fold that did not see its block. Give it to &quot;Validate with points&quot; as OUT_OF_FOLD: all landslides train the model, so its own map would show a fit. Not for maps to use: seams between blocks are differences of the models. It takes as long as a map; a training on windows has none.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>折外预测图：GeoTIFF，每个像元的易发性由没有见过其区块的那一折的模型给出。请将它作为 OUT_OF_FOLD 用于“用点数据验证”：全部滑坡都参与模型的训练，因此模型自身的图只能说明拟合程度。不要用它制图：区块之间的接缝是各模型之间的差异。耗时与生成一幅图相同；在窗口上训练时没有此图。</translation>
    </message>
    <message>
        <source>Out-of-fold susceptibility</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>折外易发性</translation>
    </message>
    <message>
        <source>Outputs</source>
        <extracomment>gui/algorithm_dialog.py</extracomment>
        <translation>输出</translation>
    </message>
    <message>
        <source>PARAMETERS</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>参数</translation>
    </message>
    <message>
        <source>PCUM</source>
        <extracomment>gui/steps/kinds.py, gui/steps/texts.py</extracomment>
        <translation>PCUM</translation>
    </message>
    <message>
        <source>PCUM, or one of the models to compare it with; see &quot;Train PCUM&quot; and &quot;Train comparison model&quot;.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>PCUM，或与之对比的某种模型；见“训练 PCUM”和“训练对比模型”。</translation>
    </message>
    <message>
        <source>PDF (*.pdf)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>PDF (*.pdf)</translation>
    </message>
    <message>
        <source>PNG, JPEG (*.png *.jpg *.jpeg)</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>PNG、JPEG (*.png *.jpg *.jpeg)</translation>
    </message>
    <message>
        <source>Paper of the map sheet, upright or broad. The scale is a round one.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>图幅的纸张，纵向或横向。比例尺取整。</translation>
    </message>
    <message>
        <source>Parameters</source>
        <extracomment>gui/algorithm_dialog.py</extracomment>
        <translation>参数</translation>
    </message>
    <message>
        <source>Passes over the training windows, unless early stopping ends training first.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>遍历训练窗口的次数，早停可能使训练提前结束。</translation>
    </message>
    <message>
        <source>Password</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>密码</translation>
    </message>
    <message>
        <source>Patience (epochs)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>早停耐心（轮）</translation>
    </message>
    <message>
        <source>Peak factor (beta)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>峰值系数（beta）</translation>
    </message>
    <message>
        <source>Per cent: the share of the land of this map with lower values, or of this class.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>百分比：本图的土地中数值更低者或属于该类别者的占比。</translation>
    </message>
    <message>
        <source>Per cent: the share of the training land with lower values, or of this class.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>百分比：训练土地中数值更低者或属于该类别者的占比。</translation>
    </message>
    <message>
        <source>Percent of each zone from the least to the most susceptible, 100 in all, for area_shares and landslide_share (which takes 1, 4, 15, 30, 50 if this is not changed). There are as many zones as numbers; equal_interval and natural_breaks use only their count.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>从最不易发到最易发各分区的百分比，合计 100，用于 area_shares 和 landslide_share（不更改时后者取 1、4、15、30、50）。数字的个数就是分区数；equal_interval 和 natural_breaks 只使用这个个数。</translation>
    </message>
    <message>
        <source>Percent of the common ground by zone, from the least to the most susceptible, 100 in all. All maps are cut alike, so that their zones can be compared.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>各分区在共同范围中的百分比，从最不易发到最易发，合计 100。所有图按同样方式划分，使其分区可以比较。</translation>
    </message>
    <message>
        <source>Percentile of the rain at landslides</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡处雨量的百分位数</translation>
    </message>
    <message>
        <source>Percentile of the rain at the historical landslides that becomes the threshold. The hit rate at these landslides is 100 minus the percentile by construction: with 5, the lower edge of the rain that triggered landslides, the threshold catches 95 % of them; with 95, as printed in the paper, only 5 %. A lower threshold puts more land under warning; the log compares the percentiles from 5 to 95. Empty: the preset&apos;s.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>以历史滑坡处雨量的这一百分位数作为阈值。这些滑坡的命中率按定义等于 100 减去该百分位数：取 5，即诱发滑坡的雨量的下缘，阈值能捕捉到其中 95 % 的滑坡；取 95，与论文所印一致，只能捕捉到 5 %。阈值越低，处于警戒状态的土地越多；日志对 5 到 95 的百分位数作比较。留空：取预设的值。</translation>
    </message>
    <message>
        <source>Physics constraint</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>物理约束</translation>
    </message>
    <message>
        <source>Physics weight λ (lambda)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>物理约束权重 λ（lambda）</translation>
    </message>
    <message>
        <source>Plugins &gt; Scarp &gt; Install what Scarp needs…</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>插件 &gt; Scarp &gt; 安装 Scarp 所需组件…</translation>
    </message>
    <message>
        <source>Points known to be stable, or polygons of such land, such as slopes that were visited. With them only their cells are stable examples, 0, and all other mapped land becomes 255. Without them all mapped land away from landslides counts as stable. Points drawn at random add nothing: leave them out.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>已知稳定的点，或这类土地的面，例如经过实地查看的斜坡。给出时只有其中的像元是稳定样本（0），编录范围内其余全部土地为 255。不给出时，编录范围内远离滑坡的全部土地都视为稳定。随机抽取的点没有帮助：请不要给出。</translation>
    </message>
    <message>
        <source>Points known to be stable, or polygons of which all cells are, for recall and kappa. Without them stable points are drawn at random.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>已知稳定的点，或全部像元都稳定的面，用于召回率和 kappa。不给出时随机抽取稳定点。</translation>
    </message>
    <message>
        <source>Points that the main numbers are computed from: all, or those in train, validation or test windows. The report has all of them whenever WINDOWS is given.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>计算主要数值所用的点：全部（all），或训练（train）、验证（validation）、测试（test）窗口中的点。只要给出 WINDOWS，报告就包含全部这些数值。</translation>
    </message>
    <message>
        <source>Points, which are counted, or polygons, whose area is measured as well.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>点，统计个数；或面，同时统计面积。</translation>
    </message>
    <message>
        <source>Polygons for which all numbers are given separately.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>分别给出全部数值的区域（面）。</translation>
    </message>
    <message>
        <source>Polygons for which the numbers are given separately, with their mean and the worst one. Without them the pieces of a map are the regions.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>分别给出数值的区域（面），同时给出其平均值和最差值。不给出时，以图的各个部分作为区域。</translation>
    </message>
    <message>
        <source>Polygons of the area in which landslides were mapped. Cells outside become 255, so that unmapped ground is not learned as stable. Without it the whole reference counts as mapped.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡编录范围（面）。范围以外的像元记为 255，以免把未编录之处学成稳定。不给出时，整幅参考栅格都视为编录范围。</translation>
    </message>
    <message>
        <source>Polygons of the area where landslides were mapped. Cells outside are not used for training. Without it the whole study area counts as mapped.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡编录范围（面）。范围以外的像元不用于训练。不给出时，整个研究区都视为编录范围。</translation>
    </message>
    <message>
        <source>Polygons of the blocks, with their fold, or of the windows, with subset (train, validation, test), kind (landslide, stable) and share of landslide cells. With windows &quot;Validate with points&quot; evaluates on the test windows only.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>区块的面，含所属的折；或窗口的面，含 subset（train、validation、test）、kind（landslide、stable）和滑坡像元占比。给出窗口时，“用点数据验证”只用测试窗口评价。</translation>
    </message>
    <message>
        <source>Polygons of the blocks, with their fold.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>区块的面，含所属的折。</translation>
    </message>
    <message>
        <source>Polygons of which one after the other is left out: each is a fold, in place of FOLDS. BLOCK serves the validation inside the rest. Land outside all regions trains every model and is nodata in OUTPUT.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>逐一留出的面：每个面为一折，代替 FOLDS。BLOCK 用于在其余土地中划分验证区块。所有区域以外的土地参与每个模型的训练，在 OUTPUT 中为无数据。</translation>
    </message>
    <message>
        <source>Polygons or a raster of class numbers, as for &quot;Build safety factor&quot;; each class has its own threshold. Needed when there is neither K nor SAFETY_FACTOR.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>面或类别编号栅格，与“计算安全系数”相同；每种类型有各自的阈值。既没有 K 也没有 SAFETY_FACTOR 时必须给出。</translation>
    </message>
    <message>
        <source>Polygons or a raster of class numbers; each class has its own critical rainfall. The landform layer is suitable. Without it one critical rainfall holds everywhere.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>面或类别编号栅格；每种类型有各自的临界雨量。可以使用地貌图层。不给出时，各处使用同一临界雨量。</translation>
    </message>
    <message>
        <source>Polygons with alpha, beta and rainy days of their own, as fields. Where a zone has no value, and outside all zones, the numbers above are used.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>面，以字段给出各自的 alpha、beta 和雨日数。分区中没有值之处以及所有分区以外，使用上面的数值。</translation>
    </message>
    <message>
        <source>Polygons with id, kind (slope or flat), area_m2, mean slope and mean aspect in degrees, circular variance of the aspect (0 one way, 1 all ways) and mean elevation in metres.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>面，含 id、kind（slope 或 flat）、area_m2、平均坡度和平均坡向（度）、坡向的圆方差（0 为朝向一致，1 为各方向均匀）以及平均高程（米）。</translation>
    </message>
    <message>
        <source>Polygons with subset (train, validation, test), kind (landslide, stable) and share of landslide cells: the windows of networks, the blocks of the other kinds. &quot;Validate with points&quot; reads it to evaluate on the test area only.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>面，含 subset（train、validation、test）、kind（landslide、stable）和滑坡像元占比：网络为其窗口，其他模型为其区块。“用点数据验证”读取它，以便只用测试区评价。</translation>
    </message>
    <message>
        <source>Polygons, districts for instance, for each of which the table has the areas.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>面，例如行政区，表格会分别给出其面积。</translation>
    </message>
    <message>
        <source>Polygons, municipalities for instance, for each of which the table has rows of its own. A cell belongs to the region in which its centre lies.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>面，例如乡镇，表格为每个面单独给出各行。像元属于其中心所在的区域。</translation>
    </message>
    <message>
        <source>Polygons, such as those of &quot;Build slope units&quot;. They may overlap. A cell belongs to the units that hold its centre; a unit without any has the cell of a point inside it.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>面，例如“划分斜坡单元”得到的面。可以相互重叠。像元属于包含其中心的单元；不含任何像元中心的单元取其内部一点所在的像元。</translation>
    </message>
    <message>
        <source>Polygons; cells outside are ignored. Default: the whole stack.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>面；面以外的像元不予考虑。默认值：整个因子栈。</translation>
    </message>
    <message>
        <source>Polygons; cells outside are nodata. Without it the whole stack is mapped.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>面；面以外的像元为无数据。不给出时对整个因子栈制图。</translation>
    </message>
    <message>
        <source>Polygons; cells outside them get no data. Without it the whole DEM is used.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>面；面以外的像元没有数据。不给出时使用整幅 DEM。</translation>
    </message>
    <message>
        <source>Port</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>端口</translation>
    </message>
    <message>
        <source>Precipitation</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>降水量</translation>
    </message>
    <message>
        <source>Precipitation field</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>降水量字段</translation>
    </message>
    <message>
        <source>Predict susceptibility</source>
        <extracomment>scarp:factorstozones, scarp:newarea, scarp:predictsusceptibility</extracomment>
        <translation>预测易发性</translation>
    </message>
    <message>
        <source>Predict with PCUM</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>用 PCUM 预测</translation>
    </message>
    <message>
        <source>Predict with frequency ratio</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>用频率比预测</translation>
    </message>
    <message>
        <source>Predict with logistic regression</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>用逻辑回归预测</translation>
    </message>
    <message>
        <source>Predict with random forest</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>用随机森林预测</translation>
    </message>
    <message>
        <source>Prepare the data</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>准备数据</translation>
    </message>
    <message>
        <source>Preset</source>
        <extracomment>scarp:buildbufferedlabels, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>预设</translation>
    </message>
    <message>
        <source>Probability of failure</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>失稳概率</translation>
    </message>
    <message>
        <source>Processes</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>进程数</translation>
    </message>
    <message>
        <source>Processor only (CPU)</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>仅处理器（CPU）</translation>
    </message>
    <message>
        <source>Proxy</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>代理</translation>
    </message>
    <message>
        <source>Proxy (from QGIS&apos;s options)</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>代理（取自 QGIS 选项）</translation>
    </message>
    <message>
        <source>Purpose</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>用途</translation>
    </message>
    <message>
        <source>Put the layers of a run into a group</source>
        <extracomment>processing_provider/settings.py</extracomment>
        <translation>将一次运行的图层放入一个图层组</translation>
    </message>
    <message>
        <source>Puts all layers on one grid, and marks the landslides on it.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>将所有图层置于同一格网，并在其上标出滑坡。</translation>
    </message>
    <message>
        <source>Python</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Python</translation>
    </message>
    <message>
        <source>Python {version} is not supported: Scarp&apos;s libraries exist for Python {oldest} to {newest}.</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>不支持 Python {version}：Scarp 的库适用于 Python {oldest} 到 {newest}。</translation>
    </message>
    <message>
        <source>QGIS does not know the coordinate reference system of the raster {path} ({role}). Reproject it with Raster &gt; Projections &gt; Warp (reproject).</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>QGIS 无法识别栅格 {path}（{role}）的坐标参考系。请用“栅格 &gt; 投影 &gt; 变形 (重投影)”对其重投影。</translation>
    </message>
    <message>
        <source>QGIS is not affected, and nothing was left under the names of the outputs.</source>
        <extracomment>running/core.py</extracomment>
        <translation>QGIS 未受影响，输出文件名下没有留下任何内容。</translation>
    </message>
    <message>
        <source>QGIS&apos;s own ({path})</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>QGIS 自带（{path}）</translation>
    </message>
    <message>
        <source>RECORD is of {algorithm}, which this version of Scarp cannot run again. Choose the record of another run.</source>
        <extracomment>algorithms/rerun.py</extracomment>
        <translation>RECORD 是 {algorithm} 的记录，此版本的 Scarp 无法再次运行它。请选择另一次运行的记录。</translation>
    </message>
    <message>
        <source>REPLACE has the line &quot;{line}&quot;, which must be NAME=path with one of these names: {names}.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>REPLACE 中有一行“{line}”，它必须为“名称=路径”，名称为以下之一：{names}。</translation>
    </message>
    <message>
        <source>Radius (m)</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>半径（m）</translation>
    </message>
    <message>
        <source>Radius by size (m)</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>各规模的半径（m）</translation>
    </message>
    <message>
        <source>Rain before the landslide (mm)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡前的雨量（mm）</translation>
    </message>
    <message>
        <source>Rain index</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>降雨指数</translation>
    </message>
    <message>
        <source>Rain index from &quot;Build safety factor&quot;: the thresholds and their hit rate are taken from it, not its values. With thresholds by terrain class TOPOGRAPHY needs the same classes. A threshold from climatological weeks is another quantity than the rain of a real week, and the log says so.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>“计算安全系数”得到的降雨指数：取用其中的阈值及命中率，不取用其数值。阈值按地形类型给出时，TOPOGRAPHY 须含相同的类型。由气候平均的各周得到的阈值与真实一周的雨量不是同一个量，日志会加以说明。</translation>
    </message>
    <message>
        <source>Rain index of this rain</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>此次降雨的降雨指数</translation>
    </message>
    <message>
        <source>Rain index or factor of safety</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>降雨指数或稳定系数</translation>
    </message>
    <message>
        <source>Rain index or factor of safety of MORE_STACKS, in any order, as far as there is one.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>MORE_STACKS 各地区的降雨指数或稳定系数，次序不限，有则给出。</translation>
    </message>
    <message>
        <source>Rain index or factor of safety, from &quot;Build safety factor&quot; or another program, on the grid of the stack. PCUM alone learns with it.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>降雨指数或稳定系数，由“计算安全系数”或其他程序得到，位于因子栈的格网上。只有 PCUM 用它学习。</translation>
    </message>
    <message>
        <source>Rain index or factor of safety, from &quot;Build safety factor&quot; or another program, on the grid of the stack. PCUM learns with it; for every kind it is judged alone, as a baseline. With PHYSICS=stability land without labels is used too. Of blocks that are held out nothing is used; of a region (REGIONS) that is held out the factors are, as those of TARGET in the training, and not its labels: the test is then of a map that was made for that region.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>降雨指数或稳定系数，由“计算安全系数”或其他程序得到，位于因子栈的格网上。PCUM 用它学习；对每种模型，都将它单独作为基线评价。PHYSICS=stability 时也使用没有标签的土地。留出的区块完全不使用；留出的区域（REGIONS）则使用其因子，与训练中 TARGET 的因子一样，但不使用其标签：因此测试的是为该区域制作的图。</translation>
    </message>
    <message>
        <source>Rain index or factor of safety, from &quot;Build safety factor&quot; or another program, on the grid of the stack; for a factor of safety of another program set FS_CRITICAL to 1. Without it the model is trained without the physics constraint. PHYSICS=stability takes a factor of safety only, and without it computes one from the slope with usual soil.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>降雨指数或稳定系数，由“计算安全系数”或其他程序得到，位于因子栈的格网上；如果是其他程序得到的稳定系数，请将 FS_CRITICAL 设为 1。不给出时，模型训练不使用物理约束。PHYSICS=stability 只接受稳定系数，不给出时按通常的土体取值由坡度计算。</translation>
    </message>
    <message>
        <source>Rain index with thresholds</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>带阈值的降雨指数</translation>
    </message>
    <message>
        <source>Rain of seven days (mm)</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>七天雨量（mm）</translation>
    </message>
    <message>
        <source>Rain of the wettest week</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>最湿一周的雨量</translation>
    </message>
    <message>
        <source>Rainfall warning</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>降雨预警</translation>
    </message>
    <message>
        <source>Rainy days field</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>雨日数字段</translation>
    </message>
    <message>
        <source>Rainy days in the season</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>雨季的雨日数</translation>
    </message>
    <message>
        <source>Random forest</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>随机森林</translation>
    </message>
    <message>
        <source>Random seed. Another seed gives a slightly different model.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>随机种子。换一个种子得到略有不同的模型。</translation>
    </message>
    <message>
        <source>Range of values, cells, km² and share of each zone.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>各分区的取值范围、像元数、km² 和占比。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build factor stack&quot; with all factors that the model was trained on.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:explainsusceptibility, scarp:factorstozones …</extracomment>
        <translation>“构建因子栈”得到的栅格，含模型训练所用的全部因子。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build factor stack&quot;.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:checkfactors, scarp:crossvalidate …</extracomment>
        <translation>“构建因子栈”得到的栅格。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build landslide labels&quot; on the grid of the stack. Labels that the model was not trained on give an unbiased evaluation; those of its training flatter it.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>“构建滑坡标签”得到的栅格，位于因子栈的格网上。模型未用于训练的标签给出无偏的评价；训练所用的标签会使结果虚高。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build landslide labels&quot; on the same grid. With it the report compares landslide cells with the others.</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>“构建滑坡标签”得到的同一格网上的栅格。给出后，报告会把滑坡像元与其他像元作比较。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build landslide labels&quot;, on the stack&apos;s grid.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>“构建滑坡标签”得到的栅格，位于因子栈的格网上。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build safety factor&quot; on the grid of the map, judged beside it likewise; with STACK instead of the usual soil. Cells where it has no data are left out for the map as well.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>“计算安全系数”得到的栅格，位于易发性图的格网上，同样与易发性图一起评价；给出 STACK 时代替按通常土体取值的结果。其中没有数据的像元，评价易发性图时也不计入。</translation>
    </message>
    <message>
        <source>Raster from &quot;Build safety factor&quot; on the grid of the stack, with which log and report compare the map; it does not change the map. Without it the factor of safety is that of an infinite slope with usual values of the soil, from the stack&apos;s slope and, if it has one, contributing area or wetness index.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>“计算安全系数”得到的栅格，位于因子栈的格网上，日志和报告将易发性图与之比较；它不改变易发性图。不给出时，稳定系数为按通常土体取值的无限边坡的稳定系数，由因子栈的坡度以及汇水面积或湿度指数（如有）计算。</translation>
    </message>
    <message>
        <source>Raster from &quot;Classify zones&quot; on the map&apos;s grid, for the table. Without it the map is cut into five zones by area shares.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>“划分易发性分区”得到的、位于易发性图格网上的栅格，用于表格。不给出时，易发性图按面积占比划分为五级。</translation>
    </message>
    <message>
        <source>Raster from &quot;Classify zones&quot;, for the table of landslides and area per zone.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>“划分易发性分区”得到的栅格，用于各分区滑坡与面积的统计表。</translation>
    </message>
    <message>
        <source>Raster from &quot;Classify zones&quot;, or any raster of zones numbered from 1, the least susceptible.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>“划分易发性分区”得到的栅格，或任何从 1（最不易发）开始编号的分区栅格。</translation>
    </message>
    <message>
        <source>Raster of millimetres per year. It is a factor, and the rain index is computed from it.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>年降水毫米数的栅格。它既是一个因子，也用于计算降雨指数。</translation>
    </message>
    <message>
        <source>Raster of slope units</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>斜坡单元栅格</translation>
    </message>
    <message>
        <source>Raster on the grid of the map, such as its standard error. Units get its mean.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>位于易发性图格网上的栅格，例如其标准误差。各单元取其平均值。</translation>
    </message>
    <message>
        <source>Raster that &quot;Train PCUM&quot; wrote as OUTPUT_OUT_OF_FOLD with the model that made the map. All numbers, zones and points then have its values: of each cell by a model that did not see its land. The map itself is judged beside it in one line, as a fit.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>“训练 PCUM”在训练生成易发性图的模型时作为 OUTPUT_OUT_OF_FOLD 写出的栅格。此时全部数值、分区和点都采用它的值：每个像元的值来自没有见过该处土地的模型。易发性图自身的评价作为拟合程度，在旁用一行给出。</translation>
    </message>
    <message>
        <source>Raster that replaces the parameter of this name without _RASTER, in the same unit, on any grid.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>代替去掉 _RASTER 后的同名参数的栅格，单位相同，格网不限。</translation>
    </message>
    <message>
        <source>Raster with the grid of the labels, normally the factor stack. Cells without data in it become 255.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>标签采用此栅格的格网，通常为因子栈。其中没有数据的像元记为 255。</translation>
    </message>
    <message>
        <source>Raster with the grid of the result, normally the factor stack, whose bands of slope, contributing area and classes METHOD=infinite_slope takes.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>结果采用此栅格的格网，通常为因子栈；METHOD=infinite_slope 从中取坡度、汇水面积和类别的波段。</translation>
    </message>
    <message>
        <source>Ratio of the rain in the wettest week of the season to the mean. The paper has 2.0 to 2.5; its printed formula omits this factor, which is the same as 1.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>雨季最湿一周的雨量与平均雨量之比。论文取 2.0 到 2.5；其印出的公式漏掉了这一系数，相当于取 1。</translation>
    </message>
    <message>
        <source>Read from file…</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>从文件读取…</translation>
    </message>
    <message>
        <source>Reading windows; then at most {most} epochs.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在读取窗口；随后最多 {most} 轮。</translation>
    </message>
    <message>
        <source>Recall</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>召回率</translation>
    </message>
    <message>
        <source>Reference raster</source>
        <extracomment>scarp:buildbufferedlabels, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>参考栅格</translation>
    </message>
    <message>
        <source>Region</source>
        <extracomment>gui/steps/regions.py, scarp:chainwithcomparisons, scarp:classifyzones …</extracomment>
        <translation>区域</translation>
    </message>
    <message>
        <source>Region field</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:crossvalidate …</extracomment>
        <translation>区域字段</translation>
    </message>
    <message>
        <source>Regions</source>
        <extracomment>gui/demo_project.py, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>区域</translation>
    </message>
    <message>
        <source>Regions to leave out</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>逐一留出的区域</translation>
    </message>
    <message>
        <source>Relief</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>晕渲</translation>
    </message>
    <message>
        <source>Remove</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>移除</translation>
    </message>
    <message>
        <source>Remove the region &quot;{name}&quot; from the project? Its files and layers stay.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>是否从项目中移除区域“{name}”？其文件和图层保留。</translation>
    </message>
    <message>
        <source>Remove this region; its files stay</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>移除此区域；其文件保留</translation>
    </message>
    <message>
        <source>Remove this training from the list; its model stays</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>将此次训练移出列表；其模型保留</translation>
    </message>
    <message>
        <source>Removed</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>已移除</translation>
    </message>
    <message>
        <source>Remove…</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>移除…</translation>
    </message>
    <message>
        <source>Rename the region</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>重命名区域</translation>
    </message>
    <message>
        <source>Rename this region…</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>重命名此区域…</translation>
    </message>
    <message>
        <source>Repeat a run</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>重复一次运行</translation>
    </message>
    <message>
        <source>Repeats</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>重复次数</translation>
    </message>
    <message>
        <source>Repeats a recorded run with the recorded inputs and parameters, and tests whether it gives the same results.
Beside every output of Scarp lies its run record, a file that ends in .run.json. It names the algorithm, all its parameters, and the inputs with checksums of their content. The outputs are made again in a folder of their own and compared with the earlier ones: rasters cell by cell, tables row by row, models weight by weight, numbers to the last digit. Inputs that have changed since are listed.
On the same machine with the same versions everything should be the same. Other versions, another processor or a GPU round differently, which shows in the last digits.</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>用所记录的输入和参数重复已记录的运行，并检验结果是否相同。
Scarp 的每个输出旁都有其运行记录，即以 .run.json 结尾的文件。它记有算法、全部参数，以及各输入及其内容的校验和。输出在单独的文件夹中重新生成，并与先前的输出比较：栅格逐个像元，表格逐行，模型逐个权重，数值直到最后一位。此后已改变的输入会列出。
在同一台机器上、版本相同时，一切都应相同。版本、处理器或 GPU 不同时舍入方式不同，会体现在最后几位数字上。</translation>
    </message>
    <message>
        <source>Repeats everything with small patches that are assigned to folds at random.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>用随机分配到各折的小块再做一遍。</translation>
    </message>
    <message>
        <source>Report</source>
        <extracomment>gui/steps/texts.py, gui/training_page.py, scarp:aggregatesusceptibility</extracomment>
        <translation>报告</translation>
    </message>
    <message>
        <source>Report for Word</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>Word 报告</translation>
    </message>
    <message>
        <source>Report on the factors</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>因子检查报告</translation>
    </message>
    <message>
        <source>Report on the new land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>新土地的报告</translation>
    </message>
    <message>
        <source>Reports, Word documents and map sheets that are made from now on have these details. Title, purpose, data sources and limits are stored in the project; author, organisation and logo hold for all projects.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>此后生成的报告、Word 文档和图幅都带有这些信息。标题、用途、数据来源和使用限制保存在项目中；作者、单位和徽标对所有项目有效。</translation>
    </message>
    <message>
        <source>Resamples all conditioning factors of landslides to the DEM grid and writes them as one raster with a band per factor, which the other steps read.
From the DEM come slope gradient (degrees), profile curvature (1/m, convex positive; ArcGIS has the opposite sign and 100 times the number) and slope aspect (flat and eight directions). Each further input adds a factor; leave out what you do not have. The paper uses ten: the three from the DEM, landform, river density, annual precipitation, annual mean temperature, fault density, lithology and seismic intensity.
Layers may be in any coordinate reference system. All distances are metres on the ground, also on a grid in degrees. A cell where any factor has no data has no data in the whole stack; the log states how many cells each factor lacks.</source>
        <extracomment>scarp:buildfactorstack</extracomment>
        <translation>将滑坡的全部影响因子重采样到 DEM 的格网上，写成一幅每个因子占一个波段的栅格，供其他步骤读取。
由 DEM 得到坡度（度）、剖面曲率（1/m，凸为正；ArcGIS 符号相反，数值是其 100 倍）和坡向（平地与八个方向）。每增加一项输入就增加一个因子；没有的可以不给。论文使用十个因子：由 DEM 得到的三个，以及地貌、河网密度、年降水量、年平均气温、断层密度、岩性和地震烈度。
图层可用任意坐标参考系。所有距离都是地面上的米数，格网以度为单位时也是如此。任一因子没有数据的像元在整个因子栈中都没有数据；日志会说明每个因子缺少多少像元。</translation>
    </message>
    <message>
        <source>Results lie in {folder}</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>结果位于 {folder}</translation>
    </message>
    <message>
        <source>Ring left out around landslides (m)</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡周围不参与学习的环带（m）</translation>
    </message>
    <message>
        <source>Rising values at which zones end, one fewer than there are zones. For METHOD breaks; METHOD need not be changed if they are given.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>各分区终止处的值，由小到大，比分区数少一个。用于 METHOD 为 breaks 时；给出后无须更改 METHOD。</translation>
    </message>
    <message>
        <source>River density is the length of the rivers within this distance of a cell, divided by the area of the circle (km/km²).</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>河网密度是距像元此距离以内的河流长度除以该圆的面积（km/km²）。</translation>
    </message>
    <message>
        <source>Rivers</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>河流</translation>
    </message>
    <message>
        <source>Roads</source>
        <extracomment>gui/demo_project.py, scarp:chainwithcomparisons, scarp:exposurebyzone …</extracomment>
        <translation>道路</translation>
    </message>
    <message>
        <source>Rock types: polygons, or a raster of class numbers.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>岩石类型：面，或类别编号栅格。</translation>
    </message>
    <message>
        <source>Rows and columns of the DEM, whose cells are 30 m. 600 cells are 18 km, which trains in a few minutes. Fewer than about 200 leave too few landslides for a useful model.</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>DEM 的行数和列数，其像元为 30 m。600 个像元即 18 km，训练需几分钟。少于约 200 时滑坡过少，得不到有用的模型。</translation>
    </message>
    <message>
        <source>Run again</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>重新运行</translation>
    </message>
    <message>
        <source>Run all</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>全部运行</translation>
    </message>
    <message>
        <source>Run every step that is not done, in the background</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>在后台运行所有尚未完成的步骤</translation>
    </message>
    <message>
        <source>Run record</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>运行记录</translation>
    </message>
    <message>
        <source>Run record (*.run.json)</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>运行记录 (*.run.json)</translation>
    </message>
    <message>
        <source>Run these steps first: {steps}.</source>
        <extracomment>gui/steps/control.py, gui/steps/texts.py</extracomment>
        <translation>请先运行这些步骤：{steps}。</translation>
    </message>
    <message>
        <source>Running {algorithm} again, first run at {time}.</source>
        <extracomment>algorithms/rerun.py</extracomment>
        <translation>再次运行 {algorithm}，首次运行于 {time}。</translation>
    </message>
    <message>
        <source>Runs the whole workflow and compares PCUM with well-known models: a random forest, logistic regression and the frequency ratio, trained on the same labels. PCUM is compared by its out-of-fold map, and all on the land for test of the others, so that no map has seen it. The comparison states which map is better, whether the difference is significant, and where the maps differ; zones and validation are those of PCUM. Give the DEM, the landslides and annual precipitation; each further layer adds a factor. With regions, all metrics are given by region, and the summary has a row for each. Look at the test windows: elsewhere the maps of the other models fit the landslides that they were trained on.</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>运行完整流程，并将 PCUM 与广为人知的模型作比较：随机森林、逻辑回归和频率比，它们用相同的标签训练。PCUM 以其折外预测图参与比较，所有模型都在其他模型的测试土地上比较，因此没有一幅图见过这些土地。比较结果说明哪幅图更好、差异是否显著，以及各图差异所在；分区和验证针对 PCUM。请给出 DEM、滑坡和年降水量；每增加一个图层就增加一个因子。给出区域时，全部指标按区域给出，汇总表每个区域一行。请查看测试窗口：在其他地方，其他模型的图与其训练所用的滑坡相符。</translation>
    </message>
    <message>
        <source>Runs the whole workflow in one go: factor stack, landslide labels, rain index, training of PCUM, susceptibility map, five zones, and validation with a report. Give the DEM, the landslides and annual precipitation; each further layer adds a factor. Settings that are not shown here have their defaults; to change them, run the steps one by one. Read the report before you use the map: in it every place is judged by a model that has not seen it.</source>
        <extracomment>scarp:factorstozones</extracomment>
        <translation>一次运行完整流程：因子栈、滑坡标签、降雨指数、PCUM 训练、易发性图、五级分区，以及带报告的验证。请给出 DEM、滑坡和年降水量；每增加一个图层就增加一个因子。此处未显示的设置取默认值；如需更改，请逐步运行各算法。使用易发性图之前请阅读报告：其中每一处都由没有见过它的模型来评价。</translation>
    </message>
    <message>
        <source>S</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>南</translation>
    </message>
    <message>
        <source>SE</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>东南</translation>
    </message>
    <message>
        <source>SW</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>西南</translation>
    </message>
    <message>
        <source>Safe below this susceptibility</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>低于此易发性视为安全</translation>
    </message>
    <message>
        <source>Safety factor</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>安全系数</translation>
    </message>
    <message>
        <source>Safety factor to compare with</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>用于比较的安全系数</translation>
    </message>
    <message>
        <source>Safety factors of more areas</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>其他地区的安全系数</translation>
    </message>
    <message>
        <source>Samples for uncertainty</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>不确定性采样次数</translation>
    </message>
    <message>
        <source>Sampling cells; then the curves of the factors are fitted and a network of at most {most} steps.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在抽取像元；随后拟合各因子的曲线，并训练最多 {most} 步的网络。</translation>
    </message>
    <message>
        <source>Save as…</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>另存为…</translation>
    </message>
    <message>
        <source>Save the report</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>保存报告</translation>
    </message>
    <message>
        <source>Save…</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>保存…</translation>
    </message>
    <message>
        <source>Scarp</source>
        <extracomment>gui/demo_project.py, gui/start.py, gui/steps/dock.py</extracomment>
        <translation>Scarp</translation>
    </message>
    <message>
        <source>Scarp (landslide susceptibility)</source>
        <extracomment>processing_provider/provider.py, scarp</extracomment>
        <translation>Scarp（滑坡易发性）</translation>
    </message>
    <message>
        <source>Scarp computes with torch, rasterio, scikit-learn and others. They go into a folder of their own; the Python packages of QGIS are not changed.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Scarp 使用 torch、rasterio、scikit-learn 等库进行计算。它们安装在单独的文件夹中，不改动 QGIS 的 Python 软件包。</translation>
    </message>
    <message>
        <source>Scarp is ready. Its algorithms work at once, without a restart of QGIS.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Scarp 已就绪。其算法可立即使用，无须重新启动 QGIS。</translation>
    </message>
    <message>
        <source>Scarp model (*.safetensors)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:explainsusceptibility, scarp:factorstozones …</extracomment>
        <translation>Scarp 模型 (*.safetensors)</translation>
    </message>
    <message>
        <source>Scarp needs {names} for this step.</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>此步骤 Scarp 需要 {names}。</translation>
    </message>
    <message>
        <source>Scarp&apos;s own files are not complete ({error}). Install the plugin again.</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>Scarp 自身的文件不完整（{error}）。请重新安装插件。</translation>
    </message>
    <message>
        <source>Scarp: automatic settings</source>
        <extracomment>gui/automatic_values.py</extracomment>
        <translation>Scarp：自动设置</translation>
    </message>
    <message>
        <source>Scarp: colours of the factors</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>Scarp：因子的配色</translation>
    </message>
    <message>
        <source>Scarp: diagnostics</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>Scarp：诊断信息</translation>
    </message>
    <message>
        <source>Scarp: document details</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>Scarp：文档信息</translation>
    </message>
    <message>
        <source>Scarp: inspect Python</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Scarp：检查 Python</translation>
    </message>
    <message>
        <source>Scarp: install libraries</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>Scarp：安装库</translation>
    </message>
    <message>
        <source>Scarp: manual</source>
        <extracomment>gui/manual.py</extracomment>
        <translation>Scarp：手册</translation>
    </message>
    <message>
        <source>Scarp: place</source>
        <extracomment>gui/place_tool.py</extracomment>
        <translation>Scarp：地点</translation>
    </message>
    <message>
        <source>Scarp: remove libraries</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Scarp：移除库</translation>
    </message>
    <message>
        <source>Scarp: {area}, {time}, {step}</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>Scarp：{area}，{time}，{step}</translation>
    </message>
    <message>
        <source>Scarp: {region}, {date}</source>
        <extracomment>gui/steps/loading.py</extracomment>
        <translation>Scarp：{region}，{date}</translation>
    </message>
    <message>
        <source>Scarp: {time}, {step}</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>Scarp：{time}，{step}</translation>
    </message>
    <message>
        <source>Search radius for faults (m)</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>断层搜索半径（m）</translation>
    </message>
    <message>
        <source>Search radius for rivers (m)</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>河流搜索半径（m）</translation>
    </message>
    <message>
        <source>Seed</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>随机种子</translation>
    </message>
    <message>
        <source>Seismic intensity</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>地震烈度</translation>
    </message>
    <message>
        <source>Seismic intensity field</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地震烈度字段</translation>
    </message>
    <message>
        <source>Select a factor stack in the layer panel first.</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>请先在图层面板中选择一个因子栈。</translation>
    </message>
    <message>
        <source>Settlements</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>居民点</translation>
    </message>
    <message>
        <source>Severe from this susceptibility on</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>达到此易发性为严重预警</translation>
    </message>
    <message>
        <source>Share (%)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:comparemodels …</extracomment>
        <translation>占比（%）</translation>
    </message>
    <message>
        <source>Share of channels dropped in training, to reduce overfitting.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>训练时随机丢弃的通道比例，用于减轻过拟合。</translation>
    </message>
    <message>
        <source>Share of past landslides whose rain exceeded the threshold, 0 to 1, when you know it: 0.94 if the threshold caught 94 of 100. Empty: that of SAFETY_FACTOR if all thresholds come from there and FS_CRITICAL is 0.5, otherwise unknown.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>以往滑坡中雨量超过阈值者的占比，0 到 1，已知时填写：若 100 个滑坡中阈值捕捉到 94 个，则为 0.94。留空：若所有阈值都来自 SAFETY_FACTOR 且 FS_CRITICAL 为 0.5，则取其命中率，否则为未知。</translation>
    </message>
    <message>
        <source>Share of the annual precipitation that falls in the rainy season, 0 to 1. The paper has 0.75 to 0.9 in Tibet. Used everywhere when no climate zones are given.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>年降水量中落在雨季的比例，0 到 1。论文对西藏取 0.75 到 0.9。没有给出气候分区时，各处都用此值。</translation>
    </message>
    <message>
        <source>Share of the cells on the right side of 0.5.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>以 0.5 为界判别正确的像元占比。</translation>
    </message>
    <message>
        <source>Share of the cells with a low safety factor that the model classifies as stable.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>安全系数低而模型判为稳定的像元占比。</translation>
    </message>
    <message>
        <source>Share of the landslide cells with a probability of at least 0.5.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>概率不低于 0.5 的滑坡像元占比。</translation>
    </message>
    <message>
        <source>Share of the rainy season (alpha)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>雨季降水占比（alpha）</translation>
    </message>
    <message>
        <source>Share of the soil depth that is below the water table, 0 dry to 1 saturated: a number, a range or a table by class. Given, it replaces the wetness that follows from RECHARGE, TRANSMISSIVITY and the contributing area.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>土层深度中位于地下水位以下的比例，0 为干燥，1 为饱和：可填一个数、一个范围或按类别的表格。给出时，它代替由 RECHARGE、TRANSMISSIVITY 和汇水面积得到的湿度。</translation>
    </message>
    <message>
        <source>Shares (%)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>占比（%）</translation>
    </message>
    <message>
        <source>Shares of the zones (%)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>各分区的占比（%）</translation>
    </message>
    <message>
        <source>Show every factor</source>
        <extracomment>gui/menu.py, gui/steps/dock.py</extracomment>
        <translation>显示全部因子</translation>
    </message>
    <message>
        <source>Show the curves of a model or history file</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>显示模型文件或历史文件的曲线</translation>
    </message>
    <message>
        <source>Show the model in the file manager</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>在文件管理器中显示模型</translation>
    </message>
    <message>
        <source>Shows what drives a susceptibility map: which factors the model needs, how it responds to each, whether that is plausible, and which factor dominates where.
Importance: how much worse the map gets when a factor is permuted among blocks. Response: the mean susceptibility when a factor takes one value everywhere, beside the observed share of landslides. Plausibility: whether susceptibility rises with slope, rain, rivers and faults as it should, with numbers. All have intervals.
It explains the model, not landslide causes: a factor can be important to the map and cause nothing. Works with every kind of model, evaluates a sample of blocks, and takes minutes for an area of any size; only the map of the dominant factor takes longer for a larger area.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>展示易发性图由什么决定：模型需要哪些因子，它对各因子如何响应，这是否合理，以及哪个因子在何处起主导作用。
重要性：将某一因子在区块之间置换后，图变差多少。响应：某一因子处处取同一值时的平均易发性，以及观测到的滑坡占比。合理性：易发性是否如预期随坡度、降雨、河流和断层而升高，并给出数值。全部附有区间。
它解释的是模型，不是滑坡成因：某一因子可能对图很重要，却并非成因。适用于各种模型，只评价抽取的部分区块，任意大小的区域都只需几分钟；只有主导因子图会随区域增大而耗时更长。</translation>
    </message>
    <message>
        <source>Side of a block of the spatial split in metres. Automatic: as many blocks as the labelled land and the number and places of the landslides allow, at least ten cells or twice the label radius wide and at most 5 km.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>空间划分中区块的边长（米）。自动：在有标签的土地以及滑坡的数目和位置允许的范围内，区块尽可能多；边长至少为十个像元或标签半径的两倍，最多为 5 km。</translation>
    </message>
    <message>
        <source>Side of a training window in metres (paper: 1500, 50 cells of 30 m). Automatic: 26 cells, and at most a third of BLOCK or half the area.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>训练窗口的边长，以米为单位（论文：1500，即 50 个 30 m 的像元）。自动：26 个像元，不超过 BLOCK 的三分之一或区域的一半。</translation>
    </message>
    <message>
        <source>Side of the area (cells)</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>区域边长（像元）</translation>
    </message>
    <message>
        <source>Side of the blocks that are permuted and resampled as a whole. Neighbouring cells are similar, so permuting single cells would say little; a few times the length of a slope is sensible. Automatic: 2 km, and smaller where fewer than 60 such blocks have labels.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>作为整体置换和重抽样的区块边长。相邻像元彼此相似，置换单个像元说明不了多少问题；取坡长的数倍较为合理。自动：2 km；有标签的此类区块少于 60 个时取更小的值。</translation>
    </message>
    <message>
        <source>Side of the tiles. 0 chooses it by the available memory. It changes speed and memory, not the map.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>分块的边长。0 表示按可用内存选择。它影响速度和内存，不影响结果。</translation>
    </message>
    <message>
        <source>Size</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>规模</translation>
    </message>
    <message>
        <source>Size field</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>规模字段</translation>
    </message>
    <message>
        <source>Slope formula</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>坡度算法</translation>
    </message>
    <message>
        <source>Slope in degrees. Without it the band slope of the stack is used, else the slope of the DEM.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>坡度，单位为度。不给出时使用因子栈的 slope 波段，否则使用 DEM 的坡度。</translation>
    </message>
    <message>
        <source>Slope of flat land (degrees)</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>平地的坡度（度）</translation>
    </message>
    <message>
        <source>Slope units</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>斜坡单元</translation>
    </message>
    <message>
        <source>Slopes below it are only on watch when the threshold is exceeded, those from it on get a warning. 0.15 as in the paper.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>超过阈值时，易发性低于此值的坡体只作关注，达到此值的发出预警。0.15 与论文一致。</translation>
    </message>
    <message>
        <source>Slopes from P_LOW on are on watch below it already: 0.5556 is from four fifths of the threshold on. Empty: no watch before the threshold is exceeded.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>易发性达到 P_LOW 的坡体低于此值时即予以关注：0.5556 相当于从阈值的五分之四开始。留空：超过阈值之前不作关注。</translation>
    </message>
    <message>
        <source>Slopes from it on get a severe warning when the threshold is exceeded. 0.5, from which the paper counts a cell as a landslide.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>超过阈值时，易发性达到此值的坡体发出严重预警。取 0.5，论文从该值起将像元算作滑坡。</translation>
    </message>
    <message>
        <source>Smallest area (m²)</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>最小面积（m²）</translation>
    </message>
    <message>
        <source>Smallest area of a slope unit in m²; smaller pieces join the neighbour that faces the same way. Automatic: the area between 25,000 and 400,000 m², with 64 cells or more, at which units are homogeneous and neighbours differ most.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>斜坡单元的最小面积，以 m² 计；更小的部分并入朝向相同的相邻单元。自动：在 25,000 到 400,000 m² 之间且不少于 64 个像元，取使单元内部均一、相邻单元差异最大的面积。</translation>
    </message>
    <message>
        <source>Split</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:traincomparisonmodel …</extracomment>
        <translation>数据集划分</translation>
    </message>
    <message>
        <source>Stable points are drawn at least this far from every landslide. They serve recall, kappa and the second AUC; the main AUC takes all other land. Automatic: as far as the radius or ring of the labels reaches that the map&apos;s model learned from, where the run records lead to them; at least two cells.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>稳定点与每处滑坡至少相距此值。它们用于召回率、kappa 和第二个 AUC；主 AUC 采用其余全部土地。自动：取易发性图的模型学习所用标签的半径或环带所及的距离，前提是运行记录能够追溯到这些标签；至少为两个像元。</translation>
    </message>
    <message>
        <source>Standard error {n}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>标准误差 {n}。</translation>
    </message>
    <message>
        <source>Start of the random draw; the same seed gives the same report.</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>随机抽取的起点；相同的种子得到相同的报告。</translation>
    </message>
    <message>
        <source>Start of the random draws; the same seed gives the same report.</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>随机抽取的起点；相同的种子得到相同的报告。</translation>
    </message>
    <message>
        <source>Start with my data</source>
        <extracomment>gui/menu.py</extracomment>
        <translation>用我的数据开始</translation>
    </message>
    <message>
        <source>Started</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>开始时间</translation>
    </message>
    <message>
        <source>State</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>状态</translation>
    </message>
    <message>
        <source>Step size of the optimiser. Larger ones suit few epochs.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>优化器的步长。轮数少时适合用较大的值。</translation>
    </message>
    <message>
        <source>Step {n} of at most {most} is done; so far the network adds nothing out of fold.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多 {most} 步，已完成第 {n} 步；到目前为止网络在折外没有带来改善。</translation>
    </message>
    <message>
        <source>Step {n} of at most {most} is done; the network of step {best} is the best out of fold.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多 {most} 步，已完成第 {n} 步；第 {best} 步的网络在折外最佳。</translation>
    </message>
    <message>
        <source>Stop and keep best</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>停止并保留最佳</translation>
    </message>
    <message>
        <source>Stop the training now and save the model with the weights of its best epoch</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>立即停止训练，并用最佳轮次的权重保存模型</translation>
    </message>
    <message>
        <source>Stopped after the check, which found what to fix first ({n}). Fix it, or go on with Next.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>检查之后已停下，因为发现了需要先改正的问题（{n} 个）。请改正，或用“下一步”继续。</translation>
    </message>
    <message>
        <source>Stopped by the user after epoch {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 轮后由用户停止。</translation>
    </message>
    <message>
        <source>Stopped by the user after step {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>在第 {n} 步后由用户停止。</translation>
    </message>
    <message>
        <source>Stopping after the first epoch (no weights saved yet).</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>将在第一轮之后停止（尚未保存权重）。</translation>
    </message>
    <message>
        <source>Stopping as soon as the curves of the factors are fitted; the model gets no network.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>各因子的曲线拟合完毕后立即停止；模型不含网络。</translation>
    </message>
    <message>
        <source>Stopping now. The model gets the network of step {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在停止。模型将采用第 {n} 步的网络。</translation>
    </message>
    <message>
        <source>Stopping now. The model gets the weights of epoch {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在停止。模型将采用第 {n} 轮的权重。</translation>
    </message>
    <message>
        <source>Stopping now. The network adds nothing so far, so the model gets none.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>正在停止。到目前为止网络没有带来改善，因此模型不含网络。</translation>
    </message>
    <message>
        <source>Stopping…</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>正在停止…</translation>
    </message>
    <message>
        <source>Study area</source>
        <extracomment>gui/demo_project.py, scarp:buildfactorstack, scarp:chainwithcomparisons …</extracomment>
        <translation>研究区</translation>
    </message>
    <message>
        <source>Summary by region</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>区域汇总表</translation>
    </message>
    <message>
        <source>Susceptibility</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:classifyzones …</extracomment>
        <translation>易发性</translation>
    </message>
    <message>
        <source>Susceptibility and uncertainty</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>易发性与不确定性</translation>
    </message>
    <message>
        <source>Susceptibility by unit</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>各单元的易发性</translation>
    </message>
    <message>
        <source>Susceptibility maps</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>易发性图</translation>
    </message>
    <message>
        <source>Susceptibility of each cell by the model that did not see its block. Seams between blocks are real: they show how much the models differ. For a map to use, train on everything.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>每个像元的易发性，由未见过其区块的模型给出。区块之间的接缝是真实的：它显示各模型相差多少。要得到供使用的图，请用全部数据训练。</translation>
    </message>
    <message>
        <source>Susceptibility zones</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>易发性分区</translation>
    </message>
    <message>
        <source>Susceptibility, frequency ratio</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>易发性，频率比</translation>
    </message>
    <message>
        <source>Susceptibility, logistic regression</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>易发性，逻辑回归</translation>
    </message>
    <message>
        <source>Susceptibility, random forest</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>易发性，随机森林</translation>
    </message>
    <message>
        <source>Table of folds</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>各折表</translation>
    </message>
    <message>
        <source>Table of units</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>单元表</translation>
    </message>
    <message>
        <source>Table with a row for each layer, kind, region and zone: number of points or polygons, length in m, area in m², and the share of the layer in that region. The region all is the whole map; zone 0 is land of the map without a zone.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>每个图层、种类、区域和分区各占一行的表：点或面的个数、长度（m）、面积（m²），以及在该区域的该图层中的占比。区域 all 为整幅图；分区 0 为图中没有分区的土地。</translation>
    </message>
    <message>
        <source>Takes:</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>使用：</translation>
    </message>
    <message>
        <source>Temperature</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>气温</translation>
    </message>
    <message>
        <source>Temperature field</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>气温字段</translation>
    </message>
    <message>
        <source>Terrain class</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地形类型</translation>
    </message>
    <message>
        <source>Terrain classes</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地形类型</translation>
    </message>
    <message>
        <source>Terrain classes (mountain, plain, glacier ...): polygons, or a raster of class numbers.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地形类型（山地、平原、冰川等）：面，或类别编号栅格。</translation>
    </message>
    <message>
        <source>Terrain field</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地形类型字段</translation>
    </message>
    <message>
        <source>Terrain in context</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>周边地形因子</translation>
    </message>
    <message>
        <source>Test metrics, and what the model learned: curves by epoch or by factor, coefficients, class weights, or permutation importance.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>测试指标，以及模型学到的内容：按轮次或按因子的曲线、系数、类别权重或置换重要性。</translation>
    </message>
    <message>
        <source>Test windows: {numbers}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>测试窗口：{numbers}。</translation>
    </message>
    <message>
        <source>That of the stack that the model was trained on; horn unless you changed it. The radii for rivers and faults must also be those of that stack.</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>与模型训练时的因子栈相同；未改动过则为 horn。河流和断层的搜索半径也必须与该因子栈相同。</translation>
    </message>
    <message>
        <source>The .run.json file beside an output. Any output of the run will do; all are made again.</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>输出旁的 .run.json 文件。该次运行的任何一个输出的均可；所有输出都会重新生成。</translation>
    </message>
    <message>
        <source>The .safetensors file that &quot;Train PCUM&quot; or &quot;Train comparison model&quot; wrote for another area.</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>“训练 PCUM”或“训练对比模型”为另一地区写出的 .safetensors 文件。</translation>
    </message>
    <message>
        <source>The PDF {path} could not be written; the other files of the run are complete and stay. Check that the disk has room and that the file is not open elsewhere.</source>
        <extracomment>algorithms/base/map_pdf.py</extracomment>
        <translation>无法写出 PDF {path}；本次运行的其他文件完整并保留。请检查磁盘空间是否足够，以及该文件是否已在别处打开。</translation>
    </message>
    <message>
        <source>The Python it was created with is gone or was replaced.</source>
        <extracomment>environment/private.py</extracomment>
        <translation>创建它时所用的 Python 已不存在或已被替换。</translation>
    </message>
    <message>
        <source>The Python of QGIS cannot be started as a program of its own, so one process computes all.</source>
        <extracomment>running/core.py</extracomment>
        <translation>QGIS 的 Python 无法作为独立程序启动，因此由一个进程完成全部计算。</translation>
    </message>
    <message>
        <source>The Python of the worker process cannot be started: {python} ({reason}). Open Plugins &gt; Scarp &gt; Install what Scarp needs… and install again.</source>
        <extracomment>running/core.py</extracomment>
        <translation>无法启动计算进程的 Python：{python}（{reason}）。请打开“插件 &gt; Scarp &gt; 安装 Scarp 所需组件…”重新安装。</translation>
    </message>
    <message>
        <source>The Python that Scarp computes with is incomplete ({code}). Install again with Plugins &gt; Scarp &gt; Install what Scarp needs….</source>
        <extracomment>running/core.py</extracomment>
        <translation>Scarp 计算所用的 Python 不完整（{code}）。请用“插件 &gt; Scarp &gt; 安装 Scarp 所需组件…”重新安装。</translation>
    </message>
    <message>
        <source>The Scarp developers</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea</extracomment>
        <translation>Scarp 开发者</translation>
    </message>
    <message>
        <source>The blocks with their fold, landslide cells, labelled cells and the AUC of their fold; with MORE_STACKS a rectangle for each area.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>各区块及其所属的折、滑坡像元、有标签像元和所属折的 AUC；给出 MORE_STACKS 时，每个地区为一个矩形。</translation>
    </message>
    <message>
        <source>The computer ran out of memory. Close other programs, or choose a smaller area, tile or batch.</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>计算机内存不足。请关闭其他程序，或选用更小的区域、分块或批大小。</translation>
    </message>
    <message>
        <source>The connection broke during a download. Try again: complete files are not downloaded again.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>下载过程中连接中断。请重试：已完整下载的文件不会重新下载。</translation>
    </message>
    <message>
        <source>The connection&apos;s certificate is not trusted, as happens where a firewall inspects encrypted connections. Ask your administrator for the firewall&apos;s certificate file and tell pip with: pip config set global.cert FILE. Or install from a folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>连接的证书不受信任，防火墙检查加密连接时会出现这种情况。请向管理员索取防火墙的证书文件，并用以下命令告知 pip：pip config set global.cert FILE。或从存放 wheel 文件的文件夹安装。</translation>
    </message>
    <message>
        <source>The curves of the factors are fitted. Next, at most {most} steps of the network.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>各因子的曲线已拟合。接下来网络最多训练 {most} 步。</translation>
    </message>
    <message>
        <source>The curves of the factors are not fitted yet.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>各因子的曲线尚未拟合完毕。</translation>
    </message>
    <message>
        <source>The demo area is being made; it takes a few seconds.</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>正在生成演示区域，需要几秒钟。</translation>
    </message>
    <message>
        <source>The demo project could not be made in {folder}: {reason}</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>无法在 {folder} 中创建演示项目：{reason}</translation>
    </message>
    <message>
        <source>The dialog of {title} is shown without Scarp&apos;s additions: {reason}</source>
        <extracomment>gui/algorithm_dialog.py</extracomment>
        <translation>{title} 的对话框未能显示 Scarp 附加的内容：{reason}</translation>
    </message>
    <message>
        <source>The disk is full. Make room, or choose a folder on another disk, and try again.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>磁盘已满。请腾出空间，或选择另一磁盘上的文件夹，然后重试。</translation>
    </message>
    <message>
        <source>The environment is fitted to the new Python. Its libraries stay.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>环境已适配新的 Python，其中的库保持不变。</translation>
    </message>
    <message>
        <source>The environment was made for another version of Scarp.</source>
        <extracomment>environment/private.py</extracomment>
        <translation>该环境是为另一版本的 Scarp 创建的。</translation>
    </message>
    <message>
        <source>The epoch with the lowest loss of the validation windows gives the model its weights.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>验证窗口损失最低的轮次为模型提供权重。</translation>
    </message>
    <message>
        <source>The existing environment was created with another Python and is removed.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>现有的环境是用另一个 Python 创建的，将被移除。</translation>
    </message>
    <message>
        <source>The factors of {file} could not be shown: {error}</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>无法显示 {file} 的因子：{error}</translation>
    </message>
    <message>
        <source>The field &quot;{field}&quot; of the layer &quot;{layer}&quot; for {parameter} holds binary data. Choose another field.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter} 的图层“{layer}”的字段“{field}”是二进制数据。请选择其他字段。</translation>
    </message>
    <message>
        <source>The field &quot;{field}&quot; of the layer &quot;{layer}&quot; for {parameter} holds dates. Choose the field that names the class.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter} 的图层“{layer}”的字段“{field}”是日期。请选择表示类别名称的字段。</translation>
    </message>
    <message>
        <source>The findings as a table, one per row.</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>检查结果表，每行一条。</translation>
    </message>
    <message>
        <source>The first epoch is not complete yet.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>第一轮尚未结束。</translation>
    </message>
    <message>
        <source>The folder for temporary files {folder} cannot be written ({reason}), so the worker process cannot be used. Make room on its disk, or set another folder in the variable TMPDIR.</source>
        <extracomment>running/core.py</extracomment>
        <translation>无法写入临时文件夹 {folder}（{reason}），因此无法使用计算进程。请在其磁盘上腾出空间，或用环境变量 TMPDIR 指定另一个文件夹。</translation>
    </message>
    <message>
        <source>The folder {folder} cannot be made ({reason}). Choose another folder for the region.</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>无法创建文件夹 {folder}（{reason}）。请为该区域选择其他文件夹。</translation>
    </message>
    <message>
        <source>The folder&apos;s path is {length} characters long. Windows allows {allowed} here, because torch has deeply nested files. Choose a shorter one, such as C:\scarp.</source>
        <extracomment>environment/disk_space.py</extracomment>
        <translation>该文件夹的路径有 {length} 个字符。由于 torch 的文件层级很深，Windows 在此只允许 {allowed} 个。请选择较短的路径，例如 C:\scarp。</translation>
    </message>
    <message>
        <source>The graphical model {path} cannot be read.</source>
        <extracomment>processing_provider/provider.py</extracomment>
        <translation>无法读取模型构建器模型 {path}。</translation>
    </message>
    <message>
        <source>The graphics card cannot be used: {problem}. Scarp will compute on the processor.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>无法使用显卡：{problem}。Scarp 将用处理器计算。</translation>
    </message>
    <message>
        <source>The inventory from which the labels were made. The folds are evaluated at its points, one cell per point, against all other mapped land, and again against cells that the labels call stable.</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>生成标签所用的滑坡编录。各折在其点位上评价，每点一个像元，先与编录范围内其余全部土地相对照，再与标签判为稳定的像元相对照。</translation>
    </message>
    <message>
        <source>The inventory, for METHOD landslide_share.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>滑坡编录，用于 METHOD 为 landslide_share 时。</translation>
    </message>
    <message>
        <source>The inventory, points or polygons, for the number in each unit and the AUC. A landslide belongs to the unit of its cell, a polygon to that of a point well inside it.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>滑坡编录，点或面，用于统计各单元的滑坡数和计算 AUC。滑坡点属于其所在像元的单元，滑坡面属于其内部一点所在的单元。</translation>
    </message>
    <message>
        <source>The inventory: points or polygons, in any coordinate reference system.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡编录：点或面，可用任意坐标参考系。</translation>
    </message>
    <message>
        <source>The inventory; preferably one that was not used for training.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>滑坡编录；最好是未用于训练的编录。</translation>
    </message>
    <message>
        <source>The landslide labels of MORE_STACKS, in any order: each belongs to the stack with its grid.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>MORE_STACKS 各地区的滑坡标签，次序不限：每个标签属于与其格网相同的因子栈。</translation>
    </message>
    <message>
        <source>The layer &quot;{layer}&quot; for {parameter} cannot be transformed from its coordinate reference system ({crs}) to that of the grid. Set the right one in QGIS: Layer &gt; Set CRS of Layer.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>用于 {parameter} 的图层“{layer}”无法从其坐标参考系（{crs}）转换到格网的坐标参考系。请在 QGIS 中设置正确的坐标参考系：图层 &gt; 设置图层CRS。</translation>
    </message>
    <message>
        <source>The layer &quot;{layer}&quot; for {parameter} has no coordinate reference system. Set it in QGIS: Layer &gt; Set CRS of Layer.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>用于 {parameter} 的图层“{layer}”没有坐标参考系。请在 QGIS 中设置：图层 &gt; 设置图层CRS。</translation>
    </message>
    <message>
        <source>The layer &quot;{layer}&quot; for {parameter} has no field &quot;{field}&quot;. It has: {known}. Choose one of these, or another layer.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{parameter} 的图层“{layer}”没有字段“{field}”。它有：{known}。请选择其中一个，或选择其他图层。</translation>
    </message>
    <message>
        <source>The layer &quot;{name}&quot; could not be styled: {reason}</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>无法为图层“{name}”设置样式：{reason}</translation>
    </message>
    <message>
        <source>The libraries were installed but do not work. Remove the environment and install again; if that does not help, report it with the log.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>各个库已安装但不能工作。请移除该环境后重新安装；如果仍不行，请连同日志一起报告。</translation>
    </message>
    <message>
        <source>The log of QGIS says why.</source>
        <extracomment>gui/steps/runner.py</extracomment>
        <translation>原因见 QGIS 的日志。</translation>
    </message>
    <message>
        <source>The map has no value here.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>易发性图在此处没有值。</translation>
    </message>
    <message>
        <source>The map of zones as PDF on one sheet of SHEET, at a round scale, with relief, landslides, borders of the regions, grid, legend, north arrow, zone table and document details, drawn by QGIS&apos;s layout engine. Only made on request.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>一张 SHEET 规格图幅的分区图 PDF，比例尺取整，含晕渲、滑坡、区域边界、坐标格网、图例、指北针、分区表和文档信息，由 QGIS 的打印布局引擎绘制。仅在要求时生成。</translation>
    </message>
    <message>
        <source>The map then says what share of cells like this one are landslide cells in the inventory, so its values are small. It is no probability per year. For this, the blocks for training and validation are divided into five folds, and five more models are trained, each without one of them: training takes about six times as long. The order of the cells, and so the AUC, stays. Needs SPLIT=spatial_blocks.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>此时图中数值表示与该像元同类的像元中编录滑坡像元的占比，因此数值较小。它不是每年的概率。为此，训练和验证区块划分为五折，再训练五个模型，每个模型留出其中一折：训练耗时约为六倍。像元的次序不变，因此 AUC 也不变。需要 SPLIT=spatial_blocks。</translation>
    </message>
    <message>
        <source>The memory is full. Close other programs and try again.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>内存已满。请关闭其他程序后重试。</translation>
    </message>
    <message>
        <source>The model gets the network of the steps with the lowest loss out of fold.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>模型采用折外损失最低的那一步的网络。</translation>
    </message>
    <message>
        <source>The model has the network of step {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>模型采用第 {n} 步的网络。</translation>
    </message>
    <message>
        <source>The model has the weights of epoch {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>模型采用第 {n} 轮的权重。</translation>
    </message>
    <message>
        <source>The network adds nothing and is left out.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>网络没有带来改善，已舍去。</translation>
    </message>
    <message>
        <source>The network was not trained; the model has the curves of the factors alone.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>网络没有训练；模型只含各因子的曲线。</translation>
    </message>
    <message>
        <source>The output of pip appears here.</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>pip 的输出显示在这里。</translation>
    </message>
    <message>
        <source>The place cannot be transformed into the CRS of the map.</source>
        <extracomment>gui/place_tool.py</extracomment>
        <translation>此处无法转换到易发性图的 CRS。</translation>
    </message>
    <message>
        <source>The place lies outside the map.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>此处位于图外。</translation>
    </message>
    <message>
        <source>The polygons with their own fields and: unit, cells, susc_mean, susc_max, susc_share (of the area above THRESHOLD, 0 to 1), landslides, susc_unc (uncertainty), zone, zone_name. Empty where there is no data.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>带有原有字段的面，另加：unit、cells、susc_mean、susc_max、susc_share（高于 THRESHOLD 的面积占比，0 到 1）、landslides、susc_unc（不确定性）、zone、zone_name。没有数据之处为空。</translation>
    </message>
    <message>
        <source>The proxy cannot be reached or refuses the connection. Check host and port under Proxy; your administrator knows them.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>代理无法连接或拒绝连接。请检查“代理”下的主机和端口；管理员知道它们。</translation>
    </message>
    <message>
        <source>The proxy requires a user name and a password, or rejected them. Enter them under Proxy.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>代理要求用户名和密码，或拒绝了所给的用户名和密码。请在“代理”下输入。</translation>
    </message>
    <message>
        <source>The proxy&apos;s host is a name or a number without http:// and without a path.</source>
        <extracomment>environment/sources.py</extracomment>
        <translation>代理主机应为名称或数字地址，不带 http:// 也不带路径。</translation>
    </message>
    <message>
        <source>The raster layer &quot;{layer}&quot; has the CRS {given} in this project, but {found} in its file. Scarp uses that of the file. If that one is wrong, save the layer as a GeoTIFF in the right one (Export &gt; Save As).</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>栅格图层“{layer}”在本工程中的坐标系为 {given}，而在其文件中为 {found}。Scarp 使用文件中的坐标系。如果文件中的不正确，请以正确的坐标系将图层另存为 GeoTIFF（导出 &gt; 另存为）。</translation>
    </message>
    <message>
        <source>The raster layer &quot;{layer}&quot; is no raster file (its kind is {kind}). Save it as a GeoTIFF with Export &gt; Save As, and use that.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>栅格图层“{layer}”不是栅格文件（其类型为 {kind}）。请用“导出 &gt; 另存为”将其保存为 GeoTIFF，再使用该文件。</translation>
    </message>
    <message>
        <source>The region: each has its own layers, results and state</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>区域：每个区域有各自的图层、结果和状态</translation>
    </message>
    <message>
        <source>The repetition left no run record, so it cannot be compared. Check that its folder is writable.</source>
        <extracomment>algorithms/rerun.py</extracomment>
        <translation>重复运行没有留下运行记录，因此无法比较。请检查其文件夹是否可写。</translation>
    </message>
    <message>
        <source>The report as a Word document, to edit: headings, texts, tables and figures.</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>可编辑的 Word 文档形式的报告：标题、文字、表格和图。</translation>
    </message>
    <message>
        <source>The rules of this computer do not allow to start the program. Ask your administrator to allow it, choose a Python that is allowed, or name one that has the libraries in the variable SCARP_PYTHON.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此计算机的规则不允许启动该程序。请管理员允许它，或选择允许使用的 Python，或在变量 SCARP_PYTHON 中指定含有所需各库的 Python。</translation>
    </message>
    <message>
        <source>The rules of this computer do not allow to start {python} ({reason}). Ask your administrator to allow it, or to name a Python that is allowed in the variable SCARP_PYTHON.</source>
        <extracomment>running/core.py</extracomment>
        <translation>此计算机的规则不允许启动 {python}（{reason}）。请管理员允许它，或在变量 SCARP_PYTHON 中指定允许使用的 Python。</translation>
    </message>
    <message>
        <source>The run cannot be repeated as it was. {problems} Save or find these, and name them in REPLACE.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>无法照原样重复此次运行。{problems}请保存或找到它们，并在 REPLACE 中指明。</translation>
    </message>
    <message>
        <source>The run record could not be completed, so &quot;Repeat a run&quot; cannot repeat this run: {error}</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>无法补全运行记录，因此“重复一次运行”不能重复此次运行：{error}</translation>
    </message>
    <message>
        <source>The same for fault density (km/km²). Faults have an effect over longer distances, so it is larger.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>与河流相同，用于断层密度（km/km²）。断层的影响距离更长，因此该值更大。</translation>
    </message>
    <message>
        <source>The same numbers as a table, a row a unit.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>同样的数值，以表格给出，每个单元一行。</translation>
    </message>
    <message>
        <source>The same table as a CSV file.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>同一表格的 CSV 文件。</translation>
    </message>
    <message>
        <source>The share of the area of a unit that is more susceptible than this is computed. Automatic: the lower end of the highest zone.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>计算各单元中易发性高于此值的面积占比。自动：最高分区的下限。</translation>
    </message>
    <message>
        <source>The source has no {package} for this Python and system. Choose another build or Python, or add that wheel to the folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>来源中没有适用于此 Python 和系统的 {package}。请选择其他构建版本或 Python，或把该 wheel 文件放入存放 wheel 文件的文件夹。</translation>
    </message>
    <message>
        <source>The source of the libraries refused access. If pip is configured for a source of your organisation, its user name or password may have expired.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>库的来源拒绝访问。如果 pip 配置的是贵单位的来源，其用户名或密码可能已过期。</translation>
    </message>
    <message>
        <source>The source offers versions that conflict with each other. Choose another source.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>来源提供的各版本互相冲突。请选择其他来源。</translation>
    </message>
    <message>
        <source>The steps are done. Test, report and what else was asked for follow.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>各步已完成。接下来是测试、报告及其他所要求的内容。</translation>
    </message>
    <message>
        <source>The system killed the installation, probably for lack of memory. Close other programs and try again.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>系统终止了安装，可能是内存不足。请关闭其他程序后重试。</translation>
    </message>
    <message>
        <source>The training cannot be stopped: {reason}.</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>无法停止该训练：{reason}。</translation>
    </message>
    <message>
        <source>The worker process crashed ({code}). The log says where. If it happens again, install the libraries again with Plugins &gt; Scarp &gt; Install what Scarp needs….</source>
        <extracomment>running/core.py</extracomment>
        <translation>计算进程崩溃（{code}）。崩溃位置见日志。如果再次发生，请用“插件 &gt; Scarp &gt; 安装 Scarp 所需组件…”重新安装各个库。</translation>
    </message>
    <message>
        <source>The worker process crashed because a library uses instructions that this computer&apos;s processor does not have. Install an older version of torch with Plugins &gt; Scarp &gt; Install what Scarp needs….</source>
        <extracomment>running/core.py</extracomment>
        <translation>计算进程崩溃，因为某个库使用了本计算机处理器不具备的指令。请用“插件 &gt; Scarp &gt; 安装 Scarp 所需组件…”安装较旧版本的 torch。</translation>
    </message>
    <message>
        <source>The worker process ended without a result ({code}). The log has its last output.</source>
        <extracomment>running/core.py</extracomment>
        <translation>计算进程没有给出结果就结束了（{code}）。其最后的输出见日志。</translation>
    </message>
    <message>
        <source>The worker process has not responded for {seconds} seconds. The computer may be busy or short of memory. Wait, or press Cancel, which ends it.</source>
        <extracomment>running/process.py</extracomment>
        <translation>计算进程已有 {seconds} 秒没有响应。计算机可能正忙或内存不足。请等待，或按“取消”将其结束。</translation>
    </message>
    <message>
        <source>The worker process stopped responding and was ended. Start again; if it happens again, install the libraries again with Plugins &gt; Scarp &gt; Install what Scarp needs….</source>
        <extracomment>running/core.py</extracomment>
        <translation>计算进程停止响应，已被结束。请重新运行；如果再次发生，请用“插件 &gt; Scarp &gt; 安装 Scarp 所需组件…”重新安装各个库。</translation>
    </message>
    <message>
        <source>The worker process was ended by the system, most likely because memory ran out. Choose a smaller TILE, BATCH or area, or close other programs.</source>
        <extracomment>running/core.py</extracomment>
        <translation>计算进程被系统终止，很可能是内存耗尽。请减小 TILE、BATCH 或区域，或关闭其他程序。</translation>
    </message>
    <message>
        <source>There are no wheels (*.whl) in {folder}.</source>
        <extracomment>environment/sources.py</extracomment>
        <translation>{folder} 中没有 wheel 文件（*.whl）。</translation>
    </message>
    <message>
        <source>There is no connection to the source of the libraries. Check your network and Proxy, or install from a folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>无法连接到库的来源。请检查网络和“代理”设置，或从存放 wheel 文件的文件夹安装。</translation>
    </message>
    <message>
        <source>There is no epoch.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>没有任何轮次。</translation>
    </message>
    <message>
        <source>There is no step.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>没有任何步。</translation>
    </message>
    <message>
        <source>There is no susceptibility map in the project. Make one with Predict susceptibility or Plugins &gt; Scarp &gt; Map step by step, or load one; its .run.json must lie beside it.</source>
        <extracomment>gui/place_tool.py</extracomment>
        <translation>项目中没有易发性图。请用“预测易发性”或“插件 &gt; Scarp &gt; 分步制图”生成一幅，或加载一幅；其 .run.json 必须与其同在。</translation>
    </message>
    <message>
        <source>There is no threshold to compare the rain with. Give K, for example 0.0129 for 77.5 mm in seven days, or SAFETY_FACTOR with the thresholds, or TOPOGRAPHY with the terrain classes.</source>
        <extracomment>algorithms/rainfallwarning.py</extracomment>
        <translation>缺少用来比较降雨的阈值。请给出 K（例如 0.0129 对应七天 77.5 mm），或用 SAFETY_FACTOR 给出阈值，或用 TOPOGRAPHY 给出地形类型。</translation>
    </message>
    <message>
        <source>There is no wheel of torch in {folder}.</source>
        <extracomment>environment/sources.py</extracomment>
        <translation>{folder} 中没有 torch 的 wheel 文件。</translation>
    </message>
    <message>
        <source>There is nothing to count. Give BUILDINGS, ROADS, or other layers as EXPOSURE.</source>
        <extracomment>algorithms/exposurebyzone.py</extracomment>
        <translation>没有可统计的内容。请给出 BUILDINGS、ROADS，或将其他图层作为 EXPOSURE 给出。</translation>
    </message>
    <message>
        <source>There was no safety factor.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>没有安全系数。</translation>
    </message>
    <message>
        <source>These results could not be opened: {files}</source>
        <extracomment>gui/steps/control.py</extracomment>
        <translation>无法打开以下结果：{files}</translation>
    </message>
    <message>
        <source>This Python cannot create an environment: it does not find its own standard library. Choose another Python.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此 Python 无法创建环境：它找不到自己的标准库。请选择其他 Python。</translation>
    </message>
    <message>
        <source>This Python has no encryption (its ssl module cannot be loaded), so it cannot download anything. Choose another Python, or install from a folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此 Python 没有加密功能（无法加载其 ssl 模块），因此无法下载任何内容。请选择其他 Python，或从存放 wheel 文件的文件夹安装。</translation>
    </message>
    <message>
        <source>This Python lacks {module}. On Debian and Ubuntu: sudo apt install python3-venv. Elsewhere choose another Python, or put a wheel of pip (pip-….whl) into the folder of wheels.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此 Python 缺少 {module}。在 Debian 和 Ubuntu 上：sudo apt install python3-venv。其他系统请选择其他 Python，或把 pip 的 wheel 文件（pip-….whl）放入存放 wheel 文件的文件夹。</translation>
    </message>
    <message>
        <source>This area is made up. Run all in the dock makes its map, with a verdict and reports.</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>此区域为虚构。分步制图面板中的“全部运行”会制作它的易发性图，并给出结论和报告。</translation>
    </message>
    <message>
        <source>This cell was a landslide in the training.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>此像元在训练中为滑坡。</translation>
    </message>
    <message>
        <source>This cell was stable land in the training.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>此像元在训练中为稳定土地。</translation>
    </message>
    <message>
        <source>This computer&apos;s processor lacks instructions that the libraries were built with.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此计算机的处理器缺少编译这些库时所用的指令。</translation>
    </message>
    <message>
        <source>This file is no picture.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>此文件不是图片。</translation>
    </message>
    <message>
        <source>This needs {names}, which Scarp does not install by itself. Add it with: {command}</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>此操作需要 {names}，Scarp 不会自行安装。请用以下命令添加：{command}</translation>
    </message>
    <message>
        <source>This place could not be explained: {error}. The log says more.</source>
        <extracomment>gui/place_answers.py</extracomment>
        <translation>无法解释此处：{error}。详情见日志。</translation>
    </message>
    <message>
        <source>This region is being worked on. Cancel first.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>正在处理此区域。请先取消。</translation>
    </message>
    <message>
        <source>This system is too old for the libraries: they need a newer C library (glibc).</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>此系统对这些库来说过旧：它们需要更新的 C 库（glibc）。</translation>
    </message>
    <message>
        <source>This version of QGIS opens the dialog from the Toolbox only.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>此版本的 QGIS 只能从工具箱打开该对话框。</translation>
    </message>
    <message>
        <source>Threshold</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>阈值</translation>
    </message>
    <message>
        <source>Thresholds</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>阈值表</translation>
    </message>
    <message>
        <source>Tile size (cells)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>分块大小（像元）</translation>
    </message>
    <message>
        <source>Title</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>标题</translation>
    </message>
    <message>
        <source>Title, author, organisation, logo and more of the reports and the map sheet</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>报告和图幅的标题、作者、单位、徽标等信息</translation>
    </message>
    <message>
        <source>Train</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>训练</translation>
    </message>
    <message>
        <source>Train PCUM</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>训练 PCUM</translation>
    </message>
    <message>
        <source>Train comparison model</source>
        <extracomment>scarp:traincomparisonmodel</extracomment>
        <translation>训练对比模型</translation>
    </message>
    <message>
        <source>Train the best model</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>训练最佳模型</translation>
    </message>
    <message>
        <source>Train the model</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>训练模型</translation>
    </message>
    <message>
        <source>Train/test field</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>训练/测试字段</translation>
    </message>
    <message>
        <source>Trained model</source>
        <extracomment>scarp:chainwithcomparisons, scarp:explainsusceptibility, scarp:factorstozones …</extracomment>
        <translation>训练好的模型</translation>
    </message>
    <message>
        <source>Trained model, frequency ratio</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>训练好的模型，频率比</translation>
    </message>
    <message>
        <source>Trained model, logistic regression</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>训练好的模型，逻辑回归</translation>
    </message>
    <message>
        <source>Trained model, random forest</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>训练好的模型，随机森林</translation>
    </message>
    <message>
        <source>Training</source>
        <extracomment>gui/menu.py, gui/training_list.py</extracomment>
        <translation>训练</translation>
    </message>
    <message>
        <source>Training land</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>训练土地</translation>
    </message>
    <message>
        <source>Training report</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>训练报告</translation>
    </message>
    <message>
        <source>Training windows</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>训练窗口</translation>
    </message>
    <message>
        <source>Trainings appear here as soon as they start, also those started in a console.</source>
        <extracomment>gui/training_page.py</extracomment>
        <translation>训练一开始就会显示在这里，在控制台中启动的也不例外。</translation>
    </message>
    <message>
        <source>Trains PCUM, logistic regression, an additive model (GAM), a random forest and gradient boosting on the same cells and the same folds of blocks, and keeps one of them: the simplest of those that cannot be told apart from the best. The result is a model file for &quot;Predict susceptibility&quot;, as from &quot;Train PCUM&quot;.
Each kind is judged by its AUC out of fold: how well landslide cells rank above all other mapped land, by models that did not see them. Two kinds cannot be told apart if the 95 % interval of the difference of their AUCs, paired over resampled blocks of land, holds 0 or is unknown. From the simplest on: logistic regression, GAM, PCUM, random forest, gradient boosting. The log, the report, the table and the run record show all of them side by side.
The AUC of the best of several is slightly too good, since chance helps to choose it; the log says by about how much. Of the kinds only PCUM tells how uncertain its map is and where it may be trusted. For other settings use &quot;Train PCUM&quot;.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>用相同的像元和相同的区块折训练 PCUM、逻辑回归、可加模型（GAM）、随机森林和梯度提升，并保留其中一个：在与最佳者无法区分的模型中最简单的一个。结果与“训练 PCUM”一样，是供“预测易发性”使用的模型文件。
每类模型按其折外 AUC 评价：没有见过这些土地的模型在多大程度上把滑坡像元排在编录范围内其余全部土地之前。若两类模型的此值之差的 95 % 区间（配对，由对区块重抽样得到）包含 0 或未知，则两者无法区分。从最简单的开始依次为：逻辑回归、GAM、PCUM、随机森林、梯度提升。日志、报告、表格和运行记录都并列给出全部模型。
几个模型中最佳者的 AUC 略微偏高，因为选择时有偶然因素；日志说明大约偏高多少。各类模型中只有 PCUM 能说明其图有多不确定，以及何处可以信任。需要其他设置时请用“训练 PCUM”。</translation>
    </message>
    <message>
        <source>Trains PCUM, the physics-constrained U-Net of Zhang and Deng (2026), on a factor stack and landslide labels. The result is a model file for &quot;Predict susceptibility&quot;.
With the preset recommended the area is divided into folds of spatial blocks. Curves of the factors and a small network of single cells are fitted without one fold at a time, and count as much as they help to predict it. Then all land trains the model. Its AUC is that of the folds: it says how well landslide cells rank above all other mapped land, by models that did not see them.
With the preset windows or paper a U-Net is trained on windows of a part of the area, and evaluated on test windows that are held out. With either, a physics constraint can help: where the rain index says that a wet week exceeds the threshold of the landform, the model is penalised for predicting low susceptibility.
All settings have defaults that need no knowledge of machine learning. The same seed on the same machine gives the same model.</source>
        <extracomment>scarp:trainpcum</extracomment>
        <translation>用因子栈和滑坡标签训练 PCUM，即 Zhang and Deng (2026) 的物理约束 U-Net。结果是供“预测易发性”使用的模型文件。
采用预设 recommended 时，区域按空间区块划分为若干折。各因子的曲线和一个逐像元的小型网络每次留出一折进行拟合，两者各用多少，取决于它们对预测留出的一折有多大帮助；然后用全部土地训练模型。其 AUC 由各折得到：它表示没有见过这些土地的模型在多大程度上把滑坡像元排在编录范围内其余全部土地之前。
采用预设 windows 或 paper 时，U-Net 在区域一部分的窗口上训练，并在留出的测试窗口上接受评价。两种情况下物理约束都可以提供帮助：当降雨指数表明丰水的一周超过该处地貌的阈值时，模型预测低易发性会受到惩罚。
所有设置都有默认值，使用时无须懂得机器学习。在同一台机器上，相同的种子得到相同的模型。</translation>
    </message>
    <message>
        <source>Trains another kind of model on the same factor stack and labels, to compare with PCUM or to use as it is. The result is a model file for &quot;Predict susceptibility&quot;, like PCUM&apos;s.
Models that analysts know: logistic regression, random forest, gradient boosting, an additive model (GAM), frequency ratio and weights of evidence. They predict each cell from its own factors, train in seconds, and are hard to beat where landslides are few. Networks of the paper: the U-Net without the physics constraint, and BPNN and ResNet, which predict one value per 600 m × 600 m, so that their maps have cells of 600 m.
With the same BLOCK and SEED all kinds are tested on the same blocks as &quot;Train PCUM&quot;; AUC says how well they rank landslide cells there above all other mapped land, the ring around landslides included. The same seed on the same machine gives the same model.</source>
        <extracomment>scarp:traincomparisonmodel</extracomment>
        <translation>用相同的因子栈和标签训练另一种模型，与 PCUM 对比或直接使用。结果与 PCUM 一样，是供“预测易发性”使用的模型文件。
分析人员熟知的模型：逻辑回归、随机森林、梯度提升、可加模型（GAM）、频率比和证据权。它们根据各像元自身的因子进行预测，训练只需几秒，在滑坡较少时很难被超越。论文中的网络：不带物理约束的 U-Net，以及 BPNN 和 ResNet，后两者对每个 600 m × 600 m 的范围预测一个值，因此其图的像元为 600 m。
BLOCK 和 SEED 相同时，各种模型都在与“训练 PCUM”相同的区块上测试；AUC 表示它们在多大程度上把其中的滑坡像元排在编录范围内其余全部土地之前，滑坡周围的环带也包括在内。在同一台机器上，相同的种子得到相同的模型。</translation>
    </message>
    <message>
        <source>True probability</source>
        <extracomment>gui/demo_project.py</extracomment>
        <translation>真实概率</translation>
    </message>
    <message>
        <source>Try a small library</source>
        <extracomment>environment/install.py</extracomment>
        <translation>试装一个小型库</translation>
    </message>
    <message>
        <source>Try again</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>重试</translation>
    </message>
    <message>
        <source>Turns a landslide inventory into training labels: a raster with 1 for landslide, 0 for stable ground and 255 for unknown cells.
An inventory of points states where a landslide is but not its extent, so all cells within a radius are labelled landslide. The radius is automatic: the mapped size of the landslide, 15 m or 1.5 cells at most, and the cell of the point alone where no size is known. Wider labels mix the slope that failed with those beside it. PRESET=paper has the paper&apos;s radii, for large landslides on a 30 m grid. Polygons are used as they are.
A ring of two cells around each landslide is left out of the training, because its edge is not known exactly.</source>
        <extracomment>scarp:buildbufferedlabels</extracomment>
        <translation>将滑坡编录转换为训练标签：一幅栅格，1 表示滑坡，0 表示稳定，255 表示未知像元。
点状编录只说明滑坡的位置，不说明其范围，因此某一半径以内的像元都标为滑坡。半径自动确定：取滑坡编录的规模，最多 15 m 或 1.5 个像元；规模未知时只取点所在的像元。标签过宽会把失稳的坡体与旁边的坡体混在一起。PRESET=paper 采用论文的半径，适用于 30 m 格网上的大型滑坡。面状滑坡按原样使用。
每处滑坡周围两个像元宽的环带不参与训练，因为滑坡的边缘并不确切。</translation>
    </message>
    <message>
        <source>Turns a susceptibility map and the rain of seven days, measured or forecast, into a landslide warning map, and a table of the area under warning by region and susceptibility zone.
The rain is compared with the threshold 1/k of the terrain class by the rain index Fs = 1 / (1 + k × rain), which is below 0.5 exactly where the rain exceeds the threshold; p is the susceptibility.
1 below threshold: Fs is FS_CRITICAL (0.5) or more. What that is worth depends on the hit rate of the threshold, the share of past landslides that it caught; the legend and the log state it, or that it is unknown.
2 watch: Fs is below FS_CRITICAL and p below P_LOW (0.15), where the map calls the slope safe; with FS_WATCH also p from P_LOW on and Fs below FS_WATCH, when the rain comes near the threshold.
3 warning: Fs is below FS_CRITICAL and p from P_LOW to P_HIGH (0.5).
4 severe warning: Fs is below FS_CRITICAL and p is P_HIGH or more.
5 not assessed: no rain data or no k; this does not mean safe. 0: off the map.
All default thresholds are the paper&apos;s, for its area and its model: before you issue a warning, compare them with past weeks of rain in your area.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>将易发性图与实测或预报的七天雨量结合，得到滑坡预警图，以及按区域和易发性分区统计的预警面积表。
以降雨指数 Fs = 1 / (1 + k × 雨量) 将雨量与该地形类型的阈值 1/k 作比较，雨量超过阈值之处恰好是 Fs 低于 0.5 之处；p 为易发性。
1 低于阈值：Fs 不低于 FS_CRITICAL（0.5）。这有多大意义取决于阈值的命中率，即它捕捉到的以往滑坡的占比；图例和日志给出命中率，或说明其未知。
2 关注：Fs 低于 FS_CRITICAL 且 p 低于 P_LOW（0.15），即图中判为安全的坡体；给出 FS_WATCH 时，还包括 p 达到 P_LOW 且 Fs 低于 FS_WATCH，即雨量接近阈值之处。
3 预警：Fs 低于 FS_CRITICAL 且 p 在 P_LOW 到 P_HIGH（0.5）之间。
4 严重预警：Fs 低于 FS_CRITICAL 且 p 不低于 P_HIGH。
5 未评价：没有雨量数据或没有 k；这并不表示安全。0：图外。
所有默认阈值都取自论文，针对论文的地区和模型：发布预警之前，请与您所在地区以往各周的降雨进行对照。</translation>
    </message>
    <message>
        <source>Tutorial</source>
        <extracomment>gui/manual.py, gui/menu.py</extracomment>
        <translation>教程</translation>
    </message>
    <message>
        <source>Two to twelve maps in which more means more susceptible. OUTPUT_DIFFERENCE is the first minus the second. A map may be in several rasters, one a region; see NAMES.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>两到十二幅数值越大越易发的图。OUTPUT_DIFFERENCE 为第一幅减去第二幅。一幅图可以由多幅栅格组成，每个区域一幅；见 NAMES。</translation>
    </message>
    <message>
        <source>US survey feet</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>美国测量英尺</translation>
    </message>
    <message>
        <source>Uncertainty</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>不确定性</translation>
    </message>
    <message>
        <source>Unit of the elevations</source>
        <extracomment>scarp:buildfactorstack, scarp:buildslopeunits, scarp:chainwithcomparisons …</extracomment>
        <translation>高程单位</translation>
    </message>
    <message>
        <source>Unit of the elevations. auto: as the DEM states it, else metres.</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>高程的单位。auto：采用 DEM 注明的单位，否则为米。</translation>
    </message>
    <message>
        <source>Unit of the precipitation</source>
        <extracomment>scarp:buildfactorstack, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>降水单位</translation>
    </message>
    <message>
        <source>Unit of the rain</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>降雨单位</translation>
    </message>
    <message>
        <source>Unit of the temperature</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>气温单位</translation>
    </message>
    <message>
        <source>Units</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>单元</translation>
    </message>
    <message>
        <source>Unknown reason: {last}</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>原因未知：{last}</translation>
    </message>
    <message>
        <source>Unpack and install</source>
        <extracomment>environment/install.py</extracomment>
        <translation>解包并安装</translation>
    </message>
    <message>
        <source>Upper value</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>上限值</translation>
    </message>
    <message>
        <source>User</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>用户名</translation>
    </message>
    <message>
        <source>Validate</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>验证</translation>
    </message>
    <message>
        <source>Validate the map</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>验证易发性图</translation>
    </message>
    <message>
        <source>Validate with points</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>用点数据验证</translation>
    </message>
    <message>
        <source>Validation numbers</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>验证数值</translation>
    </message>
    <message>
        <source>Validation points</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>验证点</translation>
    </message>
    <message>
        <source>Validation report</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>验证报告</translation>
    </message>
    <message>
        <source>Value of PERCENTILE when it is empty. recommended: 5. paper: 95, as printed by Zhang and Deng (2026).</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>PERCENTILE 留空时所取的值。recommended：5。paper：95，与 Zhang and Deng (2026) 所印一致。</translation>
    </message>
    <message>
        <source>Values of the settings that you leave empty. recommended, for PCUM: curves of the factors and a small network of single cells beside them; spatial folds choose how much of either is used, down to a penalised logistic regression, and all land trains the model. windows: a U-Net on windows of the training land, as recommended by version 0.1; the other kinds of model are always trained on a part of the land, as with windows. paper: as printed by Zhang and Deng (2026), to reproduce their work; it trains for long. A setting that you give overrides the preset, and the log says so; one that only a training on windows has, such as WINDOW or EPOCHS, chooses it.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>您留空的设置所取的值。recommended，用于 PCUM：各因子的曲线，外加一个逐像元的小型网络；由空间折决定两者各用多少，最少时只剩带惩罚的逻辑回归，且全部土地都用于训练模型。windows：在训练土地的窗口上训练的 U-Net，即 0.1 版推荐的方法；其他种类的模型始终像 windows 一样在一部分土地上训练。paper：如 Zhang 和 Deng（2026）所印，用于重现其工作；训练时间长。您给出的设置优先于预设，日志会说明；给出只有在窗口上训练才有的设置，例如 WINDOW 或 EPOCHS，即选择在窗口上训练。</translation>
    </message>
    <message>
        <source>Values: {meaning}.</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>值：{meaning}。</translation>
    </message>
    <message>
        <source>Variance of the aspect</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>坡向的圆方差</translation>
    </message>
    <message>
        <source>Verdict on the model and metrics of the land held out; with windows also curves of loss, accuracy, recall and violation rate by epoch.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>对模型的结论和留出土地的指标；在窗口上训练时还有各轮的损失、准确率、召回率和违反率曲线。</translation>
    </message>
    <message>
        <source>Verdict on the model that is kept, the kinds side by side, and what the model learned.</source>
        <extracomment>scarp:trainbestmodel</extracomment>
        <translation>对所保留模型的结论、各类模型的对照，以及模型学到了什么。</translation>
    </message>
    <message>
        <source>Verdict: {level}.</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>结论：{level}。</translation>
    </message>
    <message>
        <source>Vertical depth from the surface to the plane on which the soil slides, in metres. A number, a range or a table by class.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>从地表到土体滑动面的垂直深度，单位为米。可填一个数、一个范围或按类别的表格。</translation>
    </message>
    <message>
        <source>Violation rate</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>违反率</translation>
    </message>
    <message>
        <source>W</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>西</translation>
    </message>
    <message>
        <source>Warnings when it was made:</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>生成时的警告：</translation>
    </message>
    <message>
        <source>Watch below this rain index</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>低于此降雨指数予以关注</translation>
    </message>
    <message>
        <source>Water that reaches the water table in a wet spell, in mm/day: a number, a range or a table by class. The saturation is recharge × contributing area ÷ (width of the cell × transmissivity × sine of the slope), at most 1.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>湿润时期到达地下水位的水量，单位为 mm/day：可填一个数、一个范围或按类别的表格。饱和度为 补给量 × 汇水面积 ÷（像元宽度 × 导水系数 × 坡度的正弦），最大为 1。</translation>
    </message>
    <message>
        <source>Weight of a cubic metre of moist soil, in kN/m³. A number, a range or a table by class.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>一立方米湿土的重量，单位为 kN/m³。可填一个数、一个范围或按类别的表格。</translation>
    </message>
    <message>
        <source>Weight of a landslide cell in the cross-entropy. Automatic, also by 0: it balances landslide and stable cells, whatever their numbers. The paper&apos;s 5 is for five stable cells per landslide cell.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>滑坡像元在交叉熵中的权重。自动（填 0 亦然）：使滑坡像元与稳定像元保持平衡，不论各有多少。论文取 5，对应每个滑坡像元配五个稳定像元。</translation>
    </message>
    <message>
        <source>Weight of a stable cell in the cross-entropy.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>稳定像元在交叉熵中的权重。</translation>
    </message>
    <message>
        <source>Weight of landslide cells</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>滑坡像元的权重</translation>
    </message>
    <message>
        <source>Weight of stable cells</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>稳定像元的权重</translation>
    </message>
    <message>
        <source>Weight of the constraint beside the cross-entropy. With PHYSICS=stability it is that of all land without labels, as a multiple of the labelled land; left empty, parts of the land that are left out choose it, and with TARGET it is 10, or chosen by leaving out one area after the other where there are several.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>约束相对于交叉熵的权重。PHYSICS=stability 时，它是所有没有标签的土地的权重，以有标签土地的倍数计；留空时由留出的部分土地选定；给出 TARGET 时为 10，有多个地区时则逐一留出各地区来选定。</translation>
    </message>
    <message>
        <source>Weight of the terrain rule (landslides)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>地形规则的权重（滑坡数）</translation>
    </message>
    <message>
        <source>What RADII and RING are when they are empty. recommended: automatic, from the size of the landslides and of the cells. paper: the radii of Zhang and Deng (2026), 300 m for small to 600 m for giant landslides, and no ring.</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>RADII 和 RING 留空时所取的值。recommended：自动，由滑坡的规模和像元的大小决定。paper：Zhang 和 Deng（2026）的半径，小型滑坡 300 m，直至巨型滑坡 600 m，不设环带。</translation>
    </message>
    <message>
        <source>What it may not be used for, such as: no substitute for a survey of a single site.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>不得用于何种用途，例如：不能代替对单个场地的勘查。</translation>
    </message>
    <message>
        <source>What the map was made for, such as: first overview for the land-use plan.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>制作此图的目的，例如：土地利用规划的初步概览。</translation>
    </message>
    <message>
        <source>What the source offers</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>来源所提供的版本</translation>
    </message>
    <message>
        <source>What this step said when it last ran in this session</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>此步骤在本次会话中最近一次运行时的消息</translation>
    </message>
    <message>
        <source>What training minimises.</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>训练所最小化的量。</translation>
    </message>
    <message>
        <source>Wheels</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>Wheel 文件</translation>
    </message>
    <message>
        <source>Where DEM, inventory and factors come from, with year and licence.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>DEM、滑坡编录和因子的来源，附年份和许可。</translation>
    </message>
    <message>
        <source>Where Scarp computes</source>
        <extracomment>processing_provider/settings.py</extracomment>
        <translation>Scarp 在何处计算</translation>
    </message>
    <message>
        <source>Where the outputs are made again, under their names. It must not hold files of these names.</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>输出以各自的名称在此重新生成。其中不能有这些名称的文件。</translation>
    </message>
    <message>
        <source>Width of the network</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>网络宽度</translation>
    </message>
    <message>
        <source>Window (m)</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>窗口（m）</translation>
    </message>
    <message>
        <source>Windows</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>窗口</translation>
    </message>
    <message>
        <source>Windows of the comparison models</source>
        <extracomment>scarp:chainwithcomparisons</extracomment>
        <translation>对比模型的窗口</translation>
    </message>
    <message>
        <source>Windows per step. Use fewer if memory runs out.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>每步的窗口数。内存不足时请减小。</translation>
    </message>
    <message>
        <source>With PHYSICS=stability: factor stack of land without landslides of its own, whose map is wanted, built like STACK. Its factors are matched by name and its classes by label. The model learns where slopes fail there from a rule of slope stability, and has no network of single cells, which does not carry over. It is made for this land; make the map with it.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>用于 PHYSICS=stability：目标区的因子栈，即自身没有滑坡、需要制图的土地，构建方式与 STACK 相同。其因子按名称、类别按标签匹配。模型由一条边坡稳定性规则学习那里的边坡在何处失稳，并且不含逐像元的网络，因为后者不能移用。模型是为这片土地制作的；请用它为这片土地制图。</translation>
    </message>
    <message>
        <source>With PRESET=recommended the curves start from a rule of textbooks: slopes fail where they are steep, in hollows, low on a slope and near rivers, as far as the stack has such factors. It counts as much as so many landslides, so it matters where landslides are few. 0: no rule.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>PRESET=recommended 时，各曲线从一条教科书规则出发：边坡在陡处、凹处、坡体下部和河流附近失稳，以因子栈中有这些因子为限。该规则的分量相当于这么多处滑坡，因此在滑坡少的地方起作用。0：不用规则。</translation>
    </message>
    <message>
        <source>With PRESET=recommended, how the model may not answer to a factor while the others are held fixed. slope: the susceptibility does not fall as the slope rises up to MONOTONE_ANGLE. factor_of_safety: it does not rise with the factor of safety, if that is a factor of the stack. both: both. This holds exactly: the curve of the factor is bound so, and the network of single cells does not see the factor. Other factors that follow from the slope, such as its mean in windows, are not bound. It needs DEPTH 0 and no ENSEMBLE.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>PRESET=recommended 时，其他因子保持不变，模型对某一因子的响应不得违反的方向。slope：坡度增大到 MONOTONE_ANGLE 为止，易发性不随之降低。factor_of_safety：如果稳定系数是因子栈的因子，易发性不随之升高。both：两者都要。这一约束严格成立：该因子的曲线受此约束，逐像元的网络不使用该因子。由坡度得出的其他因子，例如窗口内的平均坡度，不受约束。需要 DEPTH 为 0 且不用 ENSEMBLE。</translation>
    </message>
    <message>
        <source>Without a window: {command}</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>没有窗口时：{command}</translation>
    </message>
    <message>
        <source>Without improvement, training ends after step {n}.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>若不再改善，训练在第 {n} 步后结束。</translation>
    </message>
    <message>
        <source>Word document (*.docx)</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:checkfactors …</extracomment>
        <translation>Word 文档 (*.docx)</translation>
    </message>
    <message>
        <source>Writing is not allowed: the folder belongs to someone else, or a virus scanner forbids it. Choose another folder, or ask your administrator.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>不允许写入：该文件夹属于他人，或被杀毒软件禁止。请选择其他文件夹，或咨询管理员。</translation>
    </message>
    <message>
        <source>Zone in which a polygon, such as a building, is counted once: largest_part, that of its largest part, or highest_zone, the most susceptible one that it reaches. Areas and lengths are always cut at the borders of zones.</source>
        <extracomment>scarp:exposurebyzone</extracomment>
        <translation>面（例如建筑物）只计入一个分区：largest_part 为其最大部分所在的分区，highest_zone 为其触及的最易发分区。面积和长度总是在分区边界处切开。</translation>
    </message>
    <message>
        <source>Zone raster of an earlier run, the record beside it (.run.json) or its zone table: this map is cut at the same values. METHOD and BREAKS need not be changed.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>以往运行的分区栅格、与其同在的运行记录（.run.json）或其分区表：本图按相同的值划分。无须更改 METHOD 和 BREAKS。</translation>
    </message>
    <message>
        <source>Zone raster, its record (.run.json) or its zone table: units are cut at the same values as the cells. Without it at 30, 20, 20, 20 and 10 % of the area of the cells of the map.</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>分区栅格、其运行记录（.run.json）或其分区表：单元按与像元相同的值划分。不给出时，按图中像元面积的 30、20、20、20 和 10 % 划分。</translation>
    </message>
    <message>
        <source>Zone raster, run record or zone table of the area that the model was trained on: this map is classified at the same breaks, so that zones mean the same. Without it the zones have fixed shares of this area.</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>模型训练地区的分区栅格、运行记录或分区表：本图按相同的分界值划分，使分区含义相同。不给出时，各分区占本地区的固定面积比例。</translation>
    </message>
    <message>
        <source>Zone table</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>分区表</translation>
    </message>
    <message>
        <source>Zones</source>
        <extracomment>scarp:chainwithcomparisons, scarp:exposurebyzone, scarp:factorstozones …</extracomment>
        <translation>分区</translation>
    </message>
    <message>
        <source>Zones of earthquake intensity or peak ground acceleration: polygons, or a raster of class numbers.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>地震烈度或地震动峰值加速度分区：面，或类别编号栅格。</translation>
    </message>
    <message>
        <source>Zones of the earlier area</source>
        <extracomment>scarp:newarea</extracomment>
        <translation>先前地区的分区</translation>
    </message>
    <message>
        <source>Zones, run record or zone table (*.tif *.tiff *.json *.csv)</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:classifyzones …</extracomment>
        <translation>分区、运行记录或分区表 (*.tif *.tiff *.json *.csv)</translation>
    </message>
    <message>
        <source>a file</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>文件</translation>
    </message>
    <message>
        <source>a file of this kind: {filter}</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>此类文件：{filter}</translation>
    </message>
    <message>
        <source>a layer</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>图层</translation>
    </message>
    <message>
        <source>a local one</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>局部坐标系</translation>
    </message>
    <message>
        <source>a number from {lowest} to {highest}</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{lowest} 到 {highest} 之间的数字</translation>
    </message>
    <message>
        <source>a raster</source>
        <extracomment>algorithms/base/arguments.py, algorithms/base/parameters.py, algorithms/buildsafetyfactor.py</extracomment>
        <translation>栅格</translation>
    </message>
    <message>
        <source>a raster or vector layer</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>栅格或矢量图层</translation>
    </message>
    <message>
        <source>a value</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>一个值</translation>
    </message>
    <message>
        <source>a vector layer</source>
        <extracomment>algorithms/base/arguments.py, algorithms/base/parameters.py</extracomment>
        <translation>矢量图层</translation>
    </message>
    <message>
        <source>a whole number from {lowest} to {highest}</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{lowest} 到 {highest} 之间的整数</translation>
    </message>
    <message>
        <source>above {n} %</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>高于 {n} %</translation>
    </message>
    <message>
        <source>accuracy {n} %</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>准确率 {n} %</translation>
    </message>
    <message>
        <source>additive model (GAM)</source>
        <extracomment>algorithms/base/messages.py, gui/steps/texts.py</extracomment>
        <translation>可加模型（GAM）</translation>
    </message>
    <message>
        <source>all cells of a polygon</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>面内的全部像元</translation>
    </message>
    <message>
        <source>all of the map</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>整幅图</translation>
    </message>
    <message>
        <source>area under the ROC curve of landslides against all other mapped land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>ROC 曲线下面积，滑坡与编录范围内其余全部土地相对照</translation>
    </message>
    <message>
        <source>area under the ROC curve of the best map, landslides against all other land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>最佳图的 ROC 曲线下面积，滑坡与其余全部土地相对照</translation>
    </message>
    <message>
        <source>area under the ROC curve of units with landslides against those without, by their mean</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>ROC 曲线下面积，有滑坡的单元与没有滑坡的单元按其平均值相对照</translation>
    </message>
    <message>
        <source>area_shares: shares of the area. equal_interval: equal steps between lowest and highest value. natural_breaks: steps at gaps of the values (Jenks). landslide_share: shares of the landslides in LANDSLIDES. breaks: the values in BREAKS or of BREAKS_FROM.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:classifyzones, scarp:factorstozones …</extracomment>
        <translation>area_shares：按面积占比。equal_interval：在最低值与最高值之间等间隔。natural_breaks：在数值的间断处（Jenks）。landslide_share：按 LANDSLIDES 中滑坡的占比。breaks：使用 BREAKS 或 BREAKS_FROM 的值。</translation>
    </message>
    <message>
        <source>as in the paper</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>与论文一致</translation>
    </message>
    <message>
        <source>auto takes the unit that the raster states, else degrees Celsius. tenth_celsius is a tenth of a degree, as in WorldClim 1.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>auto 采用栅格注明的单位，否则为摄氏度。tenth_celsius 为十分之一度，如 WorldClim 1。</translation>
    </message>
    <message>
        <source>auto takes the unit that the raster states, else metres; with a CRS in feet and no unit stated, choose one. ft is the international foot (0.3048 m), us_ft the US survey foot.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>auto 采用栅格注明的单位，否则为米；若坐标系以英尺为单位且栅格未注明单位，请选择一个。ft 为国际英尺（0.3048 m），us_ft 为美国测量英尺。</translation>
    </message>
    <message>
        <source>auto takes the unit that the raster states, else millimetres a year. tenth_mm is a tenth of a millimetre.</source>
        <extracomment>scarp:buildfactorstack, scarp:buildsafetyfactor, scarp:chainwithcomparisons …</extracomment>
        <translation>auto 采用栅格注明的单位，否则为每年毫米数。tenth_mm 为十分之一毫米。</translation>
    </message>
    <message>
        <source>auto takes the unit that the rasters state, else millimetres. tenth_mm is a tenth of a millimetre.</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>auto 采用栅格注明的单位，否则为毫米。tenth_mm 为十分之一毫米。</translation>
    </message>
    <message>
        <source>automatic</source>
        <extracomment>algorithms/base/algorithm.py, algorithms/base/messages.py, gui/automatic_values.py …</extracomment>
        <translation>自动</translation>
    </message>
    <message>
        <source>automatic: {value}</source>
        <extracomment>gui/automatic_values.py</extracomment>
        <translation>自动：{value}</translation>
    </message>
    <message>
        <source>behind</source>
        <extracomment>gui/steps/kinds.py</extracomment>
        <translation>落后</translation>
    </message>
    <message>
        <source>best epoch</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>最佳轮次</translation>
    </message>
    <message>
        <source>best step</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>最佳步</translation>
    </message>
    <message>
        <source>blocks of a cross validation</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>交叉验证的区块</translation>
    </message>
    <message>
        <source>blocks of land</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>区块</translation>
    </message>
    <message>
        <source>both</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>两者</translation>
    </message>
    <message>
        <source>breaks that you give</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>自行给定的分界值</translation>
    </message>
    <message>
        <source>by how much its AUC is above that of the second best map</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>其 AUC 比第二名高出多少</translation>
    </message>
    <message>
        <source>cancelled</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>已取消</translation>
    </message>
    <message>
        <source>cells mapped</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>已制图的像元数</translation>
    </message>
    <message>
        <source>cells with data in all factors</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>所有因子都有数据的像元数</translation>
    </message>
    <message>
        <source>circular variance of the aspect in a unit, mean by area</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>单元内坡向的圆方差，按面积平均</translation>
    </message>
    <message>
        <source>codes of classes</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>类别代码</translation>
    </message>
    <message>
        <source>comma-separated text or a table</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>逗号分隔的文本或表格</translation>
    </message>
    <message>
        <source>difference between the highest and the lowest AUC by squares of a quarter to 16 times the mean area of a unit</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>方格面积为单元平均面积的四分之一到 16 倍时，最高与最低 AUC 之差</translation>
    </message>
    <message>
        <source>do not use</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>请勿使用</translation>
    </message>
    <message>
        <source>done</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>已完成</translation>
    </message>
    <message>
        <source>epoch whose weights were kept</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>所保留权重的轮次</translation>
    </message>
    <message>
        <source>epoch whose weights were kept, of networks</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>所保留权重的轮次（网络）</translation>
    </message>
    <message>
        <source>epoch {n}</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>第 {n} 轮</translation>
    </message>
    <message>
        <source>epochs run</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>已训练轮数</translation>
    </message>
    <message>
        <source>epochs run, of networks</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>已训练轮数（网络）</translation>
    </message>
    <message>
        <source>equal intervals</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>等间隔</translation>
    </message>
    <message>
        <source>exit code unknown</source>
        <extracomment>running/core.py</extracomment>
        <translation>退出代码未知</translation>
    </message>
    <message>
        <source>exit code {code}</source>
        <extracomment>running/core.py</extracomment>
        <translation>退出代码 {code}</translation>
    </message>
    <message>
        <source>factor of safety</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>稳定系数</translation>
    </message>
    <message>
        <source>factors in the stack</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>因子栈中的因子数</translation>
    </message>
    <message>
        <source>failed</source>
        <extracomment>gui/steps/texts.py, gui/training_list.py</extracomment>
        <translation>失败</translation>
    </message>
    <message>
        <source>feet</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>英尺</translation>
    </message>
    <message>
        <source>findings to fix before training</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>训练前须改正的问题数</translation>
    </message>
    <message>
        <source>findings to read before training</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>训练前应阅读的警告数</translation>
    </message>
    <message>
        <source>finished</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>已完成</translation>
    </message>
    <message>
        <source>fixed penalty, as in the paper</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>固定惩罚，与论文一致</translation>
    </message>
    <message>
        <source>fixed shares of the area</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>固定的面积占比</translation>
    </message>
    <message>
        <source>frequency ratio</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>频率比</translation>
    </message>
    <message>
        <source>further remarks</source>
        <extracomment>scarp:checkfactors, scarp:newarea</extracomment>
        <translation>其他说明数</translation>
    </message>
    <message>
        <source>graded penalty</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>分级惩罚</translation>
    </message>
    <message>
        <source>gradient boosting</source>
        <extracomment>algorithms/base/messages.py, gui/steps/texts.py</extracomment>
        <translation>梯度提升</translation>
    </message>
    <message>
        <source>gradient_boosting: boosted trees are fitted to the same cells and folds, and the model is the mean of both logits, if that is better out of fold; the log says what it adds. The map then takes several times as long. Without effect on a training on windows.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>gradient_boosting：用相同的像元和折拟合提升树；如果折外结果更好，模型即取两者 logit 的平均值；日志说明它带来多少改善。此时制图耗时为数倍。在窗口上训练时不起作用。</translation>
    </message>
    <message>
        <source>highest rain on the map in mm</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>图上的最大雨量（mm）</translation>
    </message>
    <message>
        <source>hinge: below the critical safety factor, a low susceptibility is penalised the more the lower it is. indicator: the term as printed in the paper, for comparison; it has no gradient, so it changes the reported loss and not the model. Neither improves the map measurably: the rain index follows from factors that the model has. none: no constraint. stability, with PRESET=recommended: on land without labels, or on TARGET, the model learns a rule of slope stability from a factor of safety, whose weights the landslides correct; on labelled land the labels alone speak. It helps where a map of land without landslides is wanted.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:crossvalidate, scarp:factorstozones …</extracomment>
        <translation>hinge：安全系数低于临界值时，易发性越低，惩罚越大。indicator：论文所印的形式，供对比；它没有梯度，因此只改变报告的损失，不改变模型。两者都不能使易发性图有可测出的改善：降雨指数由模型已有的因子得出。none：不用约束。stability，用于 PRESET=recommended：在没有标签的土地上或在 TARGET 上，模型由稳定系数学习一条边坡稳定性规则，其权重由滑坡修正；在有标签的土地上只依据标签。需要为没有滑坡的土地制图时，它有帮助。</translation>
    </message>
    <message>
        <source>horn (1981) uses eight neighbours, as ArcGIS and GDAL do; zevenbergen_thorne (1987) uses four and suits smooth terrain.</source>
        <extracomment>scarp:buildfactorstack, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>horn（1981）使用八个邻域像元，与 ArcGIS 和 GDAL 相同；zevenbergen_thorne（1987）使用四个，适合平缓地形。</translation>
    </message>
    <message>
        <source>inches</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>英寸</translation>
    </message>
    <message>
        <source>independent blocks of land behind the interval</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>区间所依据的独立区块数</translation>
    </message>
    <message>
        <source>infinite slope</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>无限边坡</translation>
    </message>
    <message>
        <source>inputs that have changed since</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>此后已改变的输入数</translation>
    </message>
    <message>
        <source>it cannot be made</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>无法创建</translation>
    </message>
    <message>
        <source>k (1/mm)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>k（1/mm）</translation>
    </message>
    <message>
        <source>k by terrain class (1/mm)</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones …</extracomment>
        <translation>各地形类型的 k（1/mm）</translation>
    </message>
    <message>
        <source>kind of the model that is kept</source>
        <extracomment>algorithms/trainbestmodel.py, scarp:trainbestmodel</extracomment>
        <translation>所保留模型的类型</translation>
    </message>
    <message>
        <source>landslide cells</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>滑坡像元数</translation>
    </message>
    <message>
        <source>landslides and stable points with their outcome, written by a validation</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>验证写出的滑坡点和稳定点及其结果</translation>
    </message>
    <message>
        <source>landslides in the inventory</source>
        <extracomment>scarp:createdemodata</extracomment>
        <translation>编录中的滑坡数</translation>
    </message>
    <message>
        <source>landslides inside the grid</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>格网内的滑坡数</translation>
    </message>
    <message>
        <source>layers</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>图层</translation>
    </message>
    <message>
        <source>lines</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>线</translation>
    </message>
    <message>
        <source>logistic regression</source>
        <extracomment>algorithms/base/messages.py, gui/steps/texts.py</extracomment>
        <translation>逻辑回归</translation>
    </message>
    <message>
        <source>loss on the land held out</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>留出土地的损失</translation>
    </message>
    <message>
        <source>loss on the test windows or blocks</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>测试窗口或区块的损失</translation>
    </message>
    <message>
        <source>lost</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>失去联系</translation>
    </message>
    <message>
        <source>lower end of its 95 % interval</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>其 95 % 区间的下限</translation>
    </message>
    <message>
        <source>lower end of its 95 % interval, from resampled blocks of land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>其 95 % 区间的下限，由对区块重抽样得到</translation>
    </message>
    <message>
        <source>macOS does not let this Python load libraries: the one in QGIS&apos;s application accepts only those that QGIS&apos;s makers have signed. Install Python from python.org and choose it.</source>
        <extracomment>environment/failures.py</extracomment>
        <translation>macOS 不允许此 Python 加载库：QGIS 应用程序中的 Python 只接受由 QGIS 制作者签名的库。请从 python.org 安装 Python 并选择它。</translation>
    </message>
    <message>
        <source>map sheet</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>图幅</translation>
    </message>
    <message>
        <source>mean AUC of slope alone over the folds</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>各折仅用坡度的平均 AUC</translation>
    </message>
    <message>
        <source>mean AUC over the folds</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>各折 AUC 的平均值</translation>
    </message>
    <message>
        <source>mean AUC with a random split</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>随机划分的平均 AUC</translation>
    </message>
    <message>
        <source>mean area of the other units (m²)</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>其余单元的平均面积（m²）</translation>
    </message>
    <message>
        <source>most alike</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>最相似</translation>
    </message>
    <message>
        <source>name of the map with the highest AUC</source>
        <extracomment>algorithms/comparemodels.py, scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>AUC 最高的图的名称</translation>
    </message>
    <message>
        <source>natural breaks</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>自然间断点</translation>
    </message>
    <message>
        <source>nearest on the map</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>图上最近</translation>
    </message>
    <message>
        <source>neural network (BPNN)</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>神经网络（BPNN）</translation>
    </message>
    <message>
        <source>no</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>否</translation>
    </message>
    <message>
        <source>no layer</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>没有图层</translation>
    </message>
    <message>
        <source>no points, lines or polygons</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>点、线、面以外的内容</translation>
    </message>
    <message>
        <source>none</source>
        <extracomment>algorithms/base/arguments.py, algorithms/base/messages.py, algorithms/base/parameters.py …</extracomment>
        <translation>无</translation>
    </message>
    <message>
        <source>nothing to fix</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>没有需要改正的问题</translation>
    </message>
    <message>
        <source>on windows of cells</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>在像元窗口上训练</translation>
    </message>
    <message>
        <source>one column for each class</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>每个类别一列</translation>
    </message>
    <message>
        <source>one of {choices}, or its number in this list, from 0 to {last}</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{choices} 之一，或其在此列表中的序号（0 到 {last}）</translation>
    </message>
    <message>
        <source>one point for each polygon</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>每个面一个点</translation>
    </message>
    <message>
        <source>optimism of the random split</source>
        <extracomment>scarp:crossvalidate</extracomment>
        <translation>随机划分的乐观偏差</translation>
    </message>
    <message>
        <source>out of fold</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>折外</translation>
    </message>
    <message>
        <source>outdated</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>已过时</translation>
    </message>
    <message>
        <source>outputs and numbers compared</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>所比较的输出和数值个数</translation>
    </message>
    <message>
        <source>outputs and numbers that differ</source>
        <extracomment>scarp:rerun</extracomment>
        <translation>不同的输出和数值个数</translation>
    </message>
    <message>
        <source>part of it did not reach the disk</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>有一部分未能写入磁盘</translation>
    </message>
    <message>
        <source>patience</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>早停耐心</translation>
    </message>
    <message>
        <source>pip cannot use a SOCKS proxy. Enter an HTTP proxy, or install from a folder of wheels.</source>
        <extracomment>environment/failures.py, environment/sources.py</extracomment>
        <translation>pip 无法使用 SOCKS 代理。请输入 HTTP 代理，或从存放 wheel 文件的文件夹安装。</translation>
    </message>
    <message>
        <source>points</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>点</translation>
    </message>
    <message>
        <source>polygons</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>面</translation>
    </message>
    <message>
        <source>probability of such a lead between equally good maps, corrected for all pairs; none with fewer than 15 independent blocks of land</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels</extracomment>
        <translation>同样好的图之间出现这种领先的概率，已对所有配对作校正；独立区块少于 15 个时不给出</translation>
    </message>
    <message>
        <source>rain index</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>降雨指数</translation>
    </message>
    <message>
        <source>rain_threshold: the rain index of the paper, from the rain of the wettest week; it needs PRECIPITATION. infinite_slope: the factor of safety of a sheet of soil, from slope, soil and water, with the parameters that begin with Infinite slope. Parameters of the other method are not used.</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>rain_threshold：论文的降雨指数，由最湿一周的雨量得到；需要 PRECIPITATION。infinite_slope：一层土体的稳定系数，由坡度、土和水得到，使用以“无限边坡”开头的参数。另一种方法的参数不使用。</translation>
    </message>
    <message>
        <source>random forest</source>
        <extracomment>algorithms/base/messages.py, gui/steps/texts.py</extracomment>
        <translation>随机森林</translation>
    </message>
    <message>
        <source>random windows</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>随机窗口</translation>
    </message>
    <message>
        <source>rasters</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>栅格</translation>
    </message>
    <message>
        <source>recall of the land held out</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>留出土地的召回率</translation>
    </message>
    <message>
        <source>recall of the test windows or blocks</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>测试窗口或区块的召回率</translation>
    </message>
    <message>
        <source>recall {n} %</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>召回率 {n} %</translation>
    </message>
    <message>
        <source>recommended</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>推荐</translation>
    </message>
    <message>
        <source>representative: one cell of each polygon, one well inside it. cells: every cell, so that large landslides count more. Without effect on points.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:comparemodels, scarp:factorstozones …</extracomment>
        <translation>representative：每个面取一个位于其内部的像元。cells：取每个像元，因此大型滑坡的分量更重。对点没有影响。</translation>
    </message>
    <message>
        <source>running</source>
        <extracomment>gui/steps/texts.py, gui/training_list.py</extracomment>
        <translation>运行中</translation>
    </message>
    <message>
        <source>sampled blocks</source>
        <extracomment>scarp:explainsusceptibility</extracomment>
        <translation>抽取的区块数</translation>
    </message>
    <message>
        <source>share of cells held out and under warning that the model calls safe</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>处于警戒状态却被模型判为安全的留出像元占比</translation>
    </message>
    <message>
        <source>share of cells held out that are classified correctly</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>判别正确的留出像元占比</translation>
    </message>
    <message>
        <source>share of cells in the area of applicability; empty without an index</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>适用区内像元的占比；没有指数时为空</translation>
    </message>
    <message>
        <source>share of cells outside the training range</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:newarea …</extracomment>
        <translation>超出训练范围的像元占比</translation>
    </message>
    <message>
        <source>share of landslide cells</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>滑坡像元占比</translation>
    </message>
    <message>
        <source>share of landslides found</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:validatewithpoints</extracomment>
        <translation>被找到的滑坡占比</translation>
    </message>
    <message>
        <source>share of test cells classified correctly</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>判别正确的测试像元占比</translation>
    </message>
    <message>
        <source>share of the area with a rain index below 0.5, or a factor of safety below 1</source>
        <extracomment>scarp:buildsafetyfactor, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>降雨指数低于 0.5 或稳定系数低于 1 的面积占比</translation>
    </message>
    <message>
        <source>share of the map with a severe warning</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>严重预警的面积占比</translation>
    </message>
    <message>
        <source>share of the map with a warning or a severe one</source>
        <extracomment>scarp:rainfallwarning</extracomment>
        <translation>预警或严重预警的面积占比</translation>
    </message>
    <message>
        <source>shares of the landslides</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>滑坡占比</translation>
    </message>
    <message>
        <source>slope</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>坡度</translation>
    </message>
    <message>
        <source>smallest area (m²), given or chosen</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>最小面积（m²），给定或选定</translation>
    </message>
    <message>
        <source>some of {choices}, or their numbers in this list, from 0 to {last}</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{choices} 中的若干项，或其在此列表中的序号（0 到 {last}）</translation>
    </message>
    <message>
        <source>stability of the slope</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>斜坡稳定性</translation>
    </message>
    <message>
        <source>stable cells</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>稳定像元数</translation>
    </message>
    <message>
        <source>step {n}</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>第 {n} 步</translation>
    </message>
    <message>
        <source>stopped</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>已停止</translation>
    </message>
    <message>
        <source>stopping</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>正在停止</translation>
    </message>
    <message>
        <source>susceptibility</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>易发性</translation>
    </message>
    <message>
        <source>temporary model</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>临时模型</translation>
    </message>
    <message>
        <source>test windows</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>测试窗口</translation>
    </message>
    <message>
        <source>that are lines</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>是线</translation>
    </message>
    <message>
        <source>that are points</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>是点</translation>
    </message>
    <message>
        <source>that are polygons</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>是面</translation>
    </message>
    <message>
        <source>that cannot be transformed to the CRS of the grid</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>因无法转换到格网的 CRS</translation>
    </message>
    <message>
        <source>the class</source>
        <extracomment>algorithms/buildfactorstack.py</extracomment>
        <translation>类别</translation>
    </message>
    <message>
        <source>the degrees</source>
        <extracomment>algorithms/buildfactorstack.py</extracomment>
        <translation>摄氏度值</translation>
    </message>
    <message>
        <source>the millimetres</source>
        <extracomment>algorithms/buildfactorstack.py</extracomment>
        <translation>毫米值</translation>
    </message>
    <message>
        <source>the name of a field</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>字段名称</translation>
    </message>
    <message>
        <source>the terrain class</source>
        <extracomment>algorithms/buildsafetyfactor.py, algorithms/rainfallwarning.py</extracomment>
        <translation>地形类型</translation>
    </message>
    <message>
        <source>to do</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>待完成</translation>
    </message>
    <message>
        <source>torch or rasterio does not exist for Python {version} on this computer ({system} {machine}). Choose another Python.</source>
        <extracomment>environment/builds.py</extracomment>
        <translation>没有适用于此计算机（{system} {machine}）上 Python {version} 的 torch 或 rasterio。请选择其他 Python。</translation>
    </message>
    <message>
        <source>training</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>训练</translation>
    </message>
    <message>
        <source>training windows</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>训练窗口</translation>
    </message>
    <message>
        <source>training windows, written by a training</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>训练写出的训练窗口</translation>
    </message>
    <message>
        <source>true or false</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>true 或 false</translation>
    </message>
    <message>
        <source>unet: PCUM&apos;s network without the physics constraint; left empty, WEIGHT_LANDSLIDE is 4 and WEIGHT_STABLE 1, as in the paper. bpnn: three hidden layers with sigmoid activation over all cells of a patch of 600 m; left empty, WINDOW is 600 and WIDTH, the neurons of a layer, 64. The paper&apos;s learning rate, 0.00002, comes with PRESET=paper. resnet: three residual blocks over a patch of 600 m; WINDOW is 600, the paper&apos;s learning rate 0.00005. logistic_regression: its penalty is chosen by cross-validation over blocks. random_forest: 300 trees, the leaf size chosen on the validation blocks. frequency_ratio: sum over the factors of share of landslides ÷ share of area, with continuous factors in ten bins of equal area; a logistic curve maps the sum to 0 to 1 without changing the order. weights_of_evidence: the same with the contrast W+ − W−. gradient_boosting: trees that each correct those before; number and size of the trees are chosen on the validation blocks. gam: an additive model with a smooth curve per continuous factor and a weight per class; the penalty on them is chosen by cross-validation over blocks.</source>
        <extracomment>scarp:chainwithcomparisons, scarp:traincomparisonmodel</extracomment>
        <translation>unet：PCUM 的网络，不带物理约束；留空时 WEIGHT_LANDSLIDE 为 4、WEIGHT_STABLE 为 1，与论文一致。bpnn：对 600 m 小块的全部像元使用三个采用 sigmoid 激活的隐藏层；留空时 WINDOW 为 600，WIDTH（每层神经元数）为 64。论文的学习率 0.00002 随 PRESET=paper 使用。resnet：对 600 m 小块使用三个残差块；WINDOW 为 600，论文的学习率为 0.00005。logistic_regression：其惩罚系数由区块交叉验证选定。random_forest：300 棵树，叶节点大小在验证区块上选定。frequency_ratio：对各因子求“滑坡占比 ÷ 面积占比”之和，连续因子分为十个等面积区间；再用逻辑曲线将该和变换到 0 到 1，不改变次序。weights_of_evidence：做法相同，使用对比度 W+ − W−。gradient_boosting：每棵树都修正之前各树的误差；树的数量和大小在验证区块上选定。gam：可加模型，每个连续因子一条平滑曲线，每个类别一个权重；对它们的惩罚系数由区块交叉验证选定。</translation>
    </message>
    <message>
        <source>units</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>单元数</translation>
    </message>
    <message>
        <source>units of flat land</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>平地单元数</translation>
    </message>
    <message>
        <source>units with data</source>
        <extracomment>scarp:aggregatesusceptibility</extracomment>
        <translation>有数据的单元数</translation>
    </message>
    <message>
        <source>unknown cells</source>
        <extracomment>scarp:buildbufferedlabels, scarp:chainwithcomparisons, scarp:factorstozones</extracomment>
        <translation>未知像元数</translation>
    </message>
    <message>
        <source>unnamed</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>未命名</translation>
    </message>
    <message>
        <source>upper end</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainbestmodel …</extracomment>
        <translation>上限</translation>
    </message>
    <message>
        <source>upper end of its 95 % interval</source>
        <extracomment>scarp:aggregatesusceptibility, scarp:chainwithcomparisons, scarp:comparemodels …</extracomment>
        <translation>其 95 % 区间的上限</translation>
    </message>
    <message>
        <source>usable</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>可用</translation>
    </message>
    <message>
        <source>validation</source>
        <extracomment>gui/training_charts.py</extracomment>
        <translation>验证</translation>
    </message>
    <message>
        <source>validation windows</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>验证窗口</translation>
    </message>
    <message>
        <source>variance of the aspect up to which units were not split, given or chosen</source>
        <extracomment>scarp:buildslopeunits</extracomment>
        <translation>单元不再划分的坡向圆方差上限，给定或选定</translation>
    </message>
    <message>
        <source>vector layers</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>矢量图层</translation>
    </message>
    <message>
        <source>violation rate {n} %</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>违反率 {n} %</translation>
    </message>
    <message>
        <source>waiting</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>等待中</translation>
    </message>
    <message>
        <source>weak</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>较弱</translation>
    </message>
    <message>
        <source>weights of evidence</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>证据权</translation>
    </message>
    <message>
        <source>with PHYSICS=stability, share of the unstable land without labels, or of TARGET, that the model calls safe</source>
        <extracomment>scarp:chainwithcomparisons, scarp:factorstozones, scarp:trainpcum</extracomment>
        <translation>PHYSICS=stability 时，没有标签的土地或 TARGET 中不稳定的土地被模型判为安全的占比</translation>
    </message>
    <message>
        <source>with a shape that could not be repaired</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>因图形无法修复</translation>
    </message>
    <message>
        <source>with another kind of geometry</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>是其他类型的几何</translation>
    </message>
    <message>
        <source>with coordinates that are not finite</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>因坐标不是有限数值</translation>
    </message>
    <message>
        <source>with gradient boosting</source>
        <extracomment>algorithms/base/messages.py</extracomment>
        <translation>加入梯度提升</translation>
    </message>
    <message>
        <source>without geometry</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>因没有几何图形</translation>
    </message>
    <message>
        <source>yes</source>
        <extracomment>algorithms/base/algorithm.py, scarp:aggregatesusceptibility, scarp:buildbufferedlabels …</extracomment>
        <translation>是</translation>
    </message>
    <message>
        <source>zone: {name}</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>分区：{name}</translation>
    </message>
    <message>
        <source>{count} of {all} wheels are in Scarp&apos;s list of hashes.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{all} 个 wheel 文件中有 {count} 个在 Scarp 的哈希清单中。</translation>
    </message>
    <message>
        <source>{coverage} % interval {low} to {high}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>{coverage} % 区间 {low} 至 {high}。</translation>
    </message>
    <message>
        <source>{errors} to fix, {warnings} to read</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>{errors} 个需改正，{warnings} 个请阅读</translation>
    </message>
    <message>
        <source>{factors} factors, {landslides} landslides</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>{factors} 个因子，{landslides} 处滑坡</translation>
    </message>
    <message>
        <source>{files}: changed on this disk after the download. It was deleted, and nothing of it was installed. Try again: it is downloaded anew. If it happens again, have the disk and the virus scanner checked.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{files}：下载后在此磁盘上被改动。该文件已删除，未安装任何内容。请重试：将重新下载。如果再次出现，请检查磁盘和杀毒软件。</translation>
    </message>
    <message>
        <source>{file} cannot be opened as a layer.</source>
        <extracomment>gui/steps/dock.py</extracomment>
        <translation>无法将 {file} 作为图层打开。</translation>
    </message>
    <message>
        <source>{file} does not exist any more.</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>{file} 已不存在。</translation>
    </message>
    <message>
        <source>{file} is no factor stack: its bands have no names.</source>
        <extracomment>gui/factor_layers.py</extracomment>
        <translation>{file} 不是因子栈：其波段没有名称。</translation>
    </message>
    <message>
        <source>{folder} holds other files. Choose an empty folder, or one that does not exist yet.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{folder} 中有其他文件。请选择空文件夹，或尚不存在的文件夹。</translation>
    </message>
    <message>
        <source>{folder} was not created by Scarp and stays as it is.</source>
        <extracomment>environment/private.py</extracomment>
        <translation>{folder} 不是由 Scarp 创建的，保持不变。</translation>
    </message>
    <message>
        <source>{given} is given, but METHOD is {method}, which does not use it. Set METHOD to breaks, or leave {given} empty.</source>
        <extracomment>algorithms/classifyzones.py</extracomment>
        <translation>已给出 {given}，但 METHOD 为 {method}，不会用到它。请将 METHOD 设为 breaks，或将 {given} 留空。</translation>
    </message>
    <message>
        <source>{hours} h {minutes} min</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>{hours} 小时 {minutes} 分钟</translation>
    </message>
    <message>
        <source>{how_to_install}
Or leave SCHEDULER empty to compute on this computer.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{how_to_install}
也可以将 SCHEDULER 留空，只用本机计算。</translation>
    </message>
    <message>
        <source>{how_to_install}
Or leave flow out of TERRAIN: the other factors do not need it.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{how_to_install}
也可以从 TERRAIN 中去掉 flow：其他因子不需要它。</translation>
    </message>
    <message>
        <source>{latest} left at most, {each} per epoch.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多还需 {latest}，每轮 {each}。</translation>
    </message>
    <message>
        <source>{latest} left at most.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>最多还需 {latest}。</translation>
    </message>
    <message>
        <source>{layer} is a vector layer, so {field} must name the field that holds {what}. Set {field}.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{layer} 是矢量图层，因此 {field} 必须指明哪个字段存放{what}。请设置 {field}。</translation>
    </message>
    <message>
        <source>{names} and {last}</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>{names} 和 {last}</translation>
    </message>
    <message>
        <source>{name} (share of landslide cells)</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>{name}（滑坡像元占比）</translation>
    </message>
    <message>
        <source>{name} ({kind})</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>{name}（{kind}）</translation>
    </message>
    <message>
        <source>{name} ({kind}, {part})</source>
        <extracomment>gui/training_list.py</extracomment>
        <translation>{name}（{kind}，{part}）</translation>
    </message>
    <message>
        <source>{name} could not be written: {error}. Check that the disk has room, or choose another place for it. The other outputs are complete and stay.</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>无法写出 {name}：{error}。请检查磁盘空间是否足够，或为它另选位置。其他输出已完整写出并保留。</translation>
    </message>
    <message>
        <source>{name} could not be written: {error}. Check that the disk has room.</source>
        <extracomment>algorithms/base/sinks.py</extracomment>
        <translation>无法写出 {name}：{error}。请检查磁盘空间是否足够。</translation>
    </message>
    <message>
        <source>{name} is installed but cannot be loaded: {error}. Its version may not fit the NumPy or the Python of QGIS. Let Scarp compute in an environment of its own: Plugins &gt; Scarp &gt; Install what Scarp needs…</source>
        <extracomment>processing_provider/dependencies.py</extracomment>
        <translation>{name} 已安装但无法加载：{error}。其版本可能与 QGIS 的 NumPy 或 Python 不符。请让 Scarp 在自己的环境中计算：插件 &gt; Scarp &gt; 安装 Scarp 所需组件…</translation>
    </message>
    <message>
        <source>{name} is left out: the run is repeated without it.</source>
        <extracomment>algorithms/rerun.py</extracomment>
        <translation>{name} 被略去：重复运行时不使用它。</translation>
    </message>
    <message>
        <source>{name} is not written by METHOD={method}. Leave it empty, or choose the other method.</source>
        <extracomment>algorithms/buildsafetyfactor.py</extracomment>
        <translation>METHOD={method} 时不写出 {name}。请将它留空，或选择另一种方法。</translation>
    </message>
    <message>
        <source>{name} is {path}, a folder that already holds {files}, which Scarp did not write and does not replace. Choose another folder.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 是 {path}，该文件夹中已有 {files}，它们不是由 Scarp 写入的，不会被替换。请选择其他文件夹。</translation>
    </message>
    <message>
        <source>{name} is {path}, a path with backslashes as on Windows. On this computer folders are separated by /, so it would become the name of a file. Choose a folder of this computer, such as the one where the network drive is mounted.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 是 {path}，这是 Windows 那样带反斜杠的路径。本计算机上的文件夹以 / 分隔，因此它会成为一个文件的名称。请选择本计算机上的文件夹，例如网络驱动器挂载的位置。</translation>
    </message>
    <message>
        <source>{name} is {path}, but rasters are written as GeoTIFF: the name must end in {ending}. Change it.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 是 {path}，但栅格以 GeoTIFF 写入：名称必须以 {ending} 结尾。请更改。</translation>
    </message>
    <message>
        <source>{name} is {path}, but the file of a model must end in {ending}. Change it.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 为 {path}，但模型文件的扩展名必须是 {ending}。请更改。</translation>
    </message>
    <message>
        <source>{name} is {path}, which is a folder. Give the name of a file.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 是 {path}，它是一个文件夹。请给出文件名。</translation>
    </message>
    <message>
        <source>{name} was only the selected features of {layer}, and which ones is not recorded.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>{name} 只是 {layer} 中选中的要素，而选中了哪些没有记录。</translation>
    </message>
    <message>
        <source>{name} was the temporary layer &quot;{layer}&quot;, which was not saved in a file.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>{name} 是临时图层“{layer}”，没有保存为文件。</translation>
    </message>
    <message>
        <source>{name} with driver {driver}</source>
        <extracomment>gui/install_dialog.py</extracomment>
        <translation>{name}，驱动 {driver}</translation>
    </message>
    <message>
        <source>{name} would overwrite {other}: both are {path}. Choose another place for {name}.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 会覆盖 {other}：两者都是 {path}。请为 {name} 选择其他位置。</translation>
    </message>
    <message>
        <source>{name} would replace {path}, which Scarp did not write: there is no run record {record} beside it. Choose another name, or move that file away.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 会替换 {path}，而该文件不是由 Scarp 写入的：它旁边没有运行记录 {record}。请选择其他名称，或移走该文件。</translation>
    </message>
    <message>
        <source>{name} would replace {path}, which holds {layers}. Only an earlier result of the same kind, alone in its file, is replaced. Choose another name.</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{name} 会替换 {path}，其中有 {layers}。只有同类的早先结果、且单独存于其文件中时，才会被替换。请选择其他名称。</translation>
    </message>
    <message>
        <source>{name}, {about}</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>{name}，{about}</translation>
    </message>
    <message>
        <source>{name}: &quot;{path}&quot; holds several layers ({layers}); the first one, &quot;{first}&quot;, is used. For another one choose it in QGIS, or write |layername= and its name after the path.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{name}：“{path}”含有多个图层（{layers}）；使用第一个“{first}”。如需其他图层，请在 QGIS 中选择，或在路径后写 |layername= 及其名称。</translation>
    </message>
    <message>
        <source>{name}: &quot;{value}&quot; cannot be opened as {wanted}. Check that the file or layer exists and is complete.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{name}：“{value}”无法作为{wanted}打开。请检查该文件或图层是否存在、是否完整。</translation>
    </message>
    <message>
        <source>{name}: &quot;{value}&quot; holds several rasters ({parts}). Add the one you need to the project as a layer (Layer &gt; Add Layer &gt; Add Raster Layer), and choose that layer.</source>
        <extracomment>algorithms/base/arguments.py</extracomment>
        <translation>{name}：“{value}”包含多个栅格（{parts}）。请将所需的一个作为图层添加到工程（图层 &gt; 添加图层 &gt; 添加栅格图层），然后选择该图层。</translation>
    </message>
    <message>
        <source>{name}: {factor}</source>
        <extracomment>algorithms/base/styles.py</extracomment>
        <translation>{name}：{factor}</translation>
    </message>
    <message>
        <source>{name}: {path} does not exist any more.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>{name}：{path} 已不存在。</translation>
    </message>
    <message>
        <source>{name}: {path} does not exist any more; using {beside} instead.</source>
        <extracomment>algorithms/base/record.py</extracomment>
        <translation>{name}：{path} 已不存在；改用 {beside}。</translation>
    </message>
    <message>
        <source>{needed:.1f} GB are needed and {left:.1f} GB are free on the disk of {folder}. Make room, or choose a folder on another disk.</source>
        <extracomment>environment/disk_space.py</extracomment>
        <translation>需要 {needed:.1f} GB，而 {folder} 所在磁盘的剩余空间为 {left:.1f} GB。请腾出空间，或选择另一磁盘上的文件夹。</translation>
    </message>
    <message>
        <source>{n} %</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>{n} %</translation>
    </message>
    <message>
        <source>{n} cells</source>
        <extracomment>gui/steps/texts.py</extracomment>
        <translation>{n} 个像元</translation>
    </message>
    <message>
        <source>{n} days</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>{n} 天</translation>
    </message>
    <message>
        <source>{n} hours</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>{n} 小时</translation>
    </message>
    <message>
        <source>{n} km</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>{n} km</translation>
    </message>
    <message>
        <source>{n} m</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>{n} m</translation>
    </message>
    <message>
        <source>{n} min</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>{n} 分钟</translation>
    </message>
    <message>
        <source>{n} minutes</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>{n} 分钟</translation>
    </message>
    <message>
        <source>{n} more warnings are in the report.</source>
        <extracomment>gui/steps/page.py</extracomment>
        <translation>报告中还有 {n} 条警告。</translation>
    </message>
    <message>
        <source>{n} of {patience} epochs without improvement.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>已连续 {n} 轮没有改善，至 {patience} 轮即停止。</translation>
    </message>
    <message>
        <source>{n} s</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>{n} 秒</translation>
    </message>
    <message>
        <source>{n} seconds</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>{n} 秒</translation>
    </message>
    <message>
        <source>{n} training cells are as much like this place.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>有 {n} 个训练像元与此处同样相似。</translation>
    </message>
    <message>
        <source>{parameter} takes {wanted}, but the layer &quot;{layer}&quot; holds {held}. Choose another layer.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter} 需要{wanted}，但图层“{layer}”包含的是{held}。请另选图层。</translation>
    </message>
    <message>
        <source>{parameter}: no feature of &quot;{layer}&quot; can be used; {counts}. Fix them, or choose another layer.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter}：“{layer}”中没有可用的要素；{counts}。请修正这些要素，或选择其他图层。</translation>
    </message>
    <message>
        <source>{parameter}: the layer &quot;{layer}&quot; holds {held}. Choose another layer, such as that of the inventory.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter}：图层“{layer}”是{held}。请选择其他图层，例如滑坡编录图层。</translation>
    </message>
    <message>
        <source>{parameter}: the layer &quot;{layer}&quot; is read in a wrong encoding: it has a field &quot;{field}&quot;. Set the encoding under Layer Properties &gt; Source &gt; Data source encoding, e.g. GBK; or put a .cpg file beside it.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{parameter}：图层“{layer}”的编码不正确：它有字段“{field}”。请在“图层属性 &gt; 源 &gt; 数据源编码”中设置编码，例如 GBK；或在文件旁放一个 .cpg 文件。</translation>
    </message>
    <message>
        <source>{parameter}: the layer &quot;{layer}&quot; is read in a wrong encoding: the field &quot;{field}&quot; holds &quot;{value}&quot;. Set the encoding under Layer Properties &gt; Source &gt; Data source encoding, e.g. GBK; or put a .cpg file beside it.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{parameter}：图层“{layer}”的编码不正确：字段“{field}”的值为“{value}”。请在“图层属性 &gt; 源 &gt; 数据源编码”中设置编码，例如 GBK；或在文件旁放一个 .cpg 文件。</translation>
    </message>
    <message>
        <source>{parameter}: {number} features of &quot;{layer}&quot; are collections; their parts that are no {shapes} were left out.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter}：“{layer}”中有 {number} 个要素是几何集合，其中不是{shapes}的部分已略去。</translation>
    </message>
    <message>
        <source>{parameter}: {number} features of &quot;{layer}&quot; {why} were skipped.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter}：“{layer}”中有 {number} 个要素{why}而被跳过。</translation>
    </message>
    <message>
        <source>{parameter}: {number} invalid {shapes} of &quot;{layer}&quot; were repaired.</source>
        <extracomment>algorithms/base/layers.py</extracomment>
        <translation>{parameter}：“{layer}”中有 {number} 个无效的{shapes}已修复。</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}). Choose another folder.</source>
        <extracomment>gui/details_dialog.py</extracomment>
        <translation>无法写出 {path}（{reason}）。请选择其他文件夹。</translation>
    </message>
    <message>
        <source>{path} cannot be written: {reason}</source>
        <extracomment>gui/diagnostics_dialog.py</extracomment>
        <translation>无法写入 {path}：{reason}</translation>
    </message>
    <message>
        <source>{place} (dissimilarity {n})</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>{place}（相异度 {n}）</translation>
    </message>
    <message>
        <source>{python} does not start as a Python: {reason}</source>
        <extracomment>environment/interpreter.py</extracomment>
        <translation>{python} 不能作为 Python 启动：{reason}</translation>
    </message>
    <message>
        <source>{python} has no pip and cannot create one. On Debian and Ubuntu: sudo apt install python3-venv. In a Flatpak, or without administrator rights, put a wheel of pip (pip-….whl) into a folder of wheels and install from that, or choose another Python.</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{python} 没有 pip，也无法创建 pip。在 Debian 和 Ubuntu 上：sudo apt install python3-venv。在 Flatpak 中或没有管理员权限时，请把 pip 的 wheel 文件（pip-….whl）放入存放 wheel 文件的文件夹并从中安装，或选择其他 Python。</translation>
    </message>
    <message>
        <source>{python} is a 32-bit Python, for which there is no torch.</source>
        <extracomment>environment/interpreter.py</extracomment>
        <translation>{python} 是 32 位 Python，没有适用于它的 torch。</translation>
    </message>
    <message>
        <source>{shown} and {more} more</source>
        <extracomment>algorithms/base/output_files.py</extracomment>
        <translation>{shown} 以及另外 {more} 个</translation>
    </message>
    <message>
        <source>{sooner} left without further improvement, {latest} at most.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>若不再改善还需 {sooner}，最多还需 {latest}。</translation>
    </message>
    <message>
        <source>{sooner} left without further improvement, {latest} at most; {each} per epoch.</source>
        <extracomment>gui/training_texts.py</extracomment>
        <translation>若不再改善还需 {sooner}，最多还需 {latest}；每轮 {each}。</translation>
    </message>
    <message>
        <source>{title} failed with an unexpected error: {error}. No incomplete output was left. Please report this with the log.</source>
        <extracomment>algorithms/base/feedback.py</extracomment>
        <translation>“{title}”因意外错误失败：{error}。没有留下不完整的输出。请连同日志一起报告此问题。</translation>
    </message>
    <message>
        <source>{title} is &quot;{value}&quot;, but should be {wanted}.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{title} 的值为“{value}”，但应为{wanted}。</translation>
    </message>
    <message>
        <source>{title} is missing. Give {wanted}.</source>
        <extracomment>algorithms/base/parameters.py, algorithms/buildsafetyfactor.py</extracomment>
        <translation>缺少 {title}。请给出{wanted}。</translation>
    </message>
    <message>
        <source>{title} takes a whole layer, not a selection of features. Give the layer &quot;{value}&quot; itself, or export the selected features to a layer of their own and give that.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{title} 需要整个图层，而不是所选要素：请直接给出图层“{value}”，或将所选要素导出为单独的图层再给出。</translation>
    </message>
    <message>
        <source>{title}: &quot;{value}&quot; cannot be opened as {wanted}. Check that the file or layer exists, is complete and is of the right kind.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{title}：“{value}”无法作为{wanted}打开。请检查该文件或图层是否存在、是否完整、类型是否正确。</translation>
    </message>
    <message>
        <source>{title}: already done</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{title}：先前已完成</translation>
    </message>
    <message>
        <source>{title}: the name of &quot;{value}&quot; has a &quot;|&quot; in it, after which QGIS expects the name of a layer. Rename the file.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{title}：“{value}”的名称中有“|”，QGIS 把其后的部分当作图层名。请重命名文件。</translation>
    </message>
    <message>
        <source>{title}: there is no file or layer &quot;{value}&quot;. Check the path.</source>
        <extracomment>algorithms/base/parameters.py</extracomment>
        <translation>{title}：没有文件或图层“{value}”。请检查路径。</translation>
    </message>
    <message>
        <source>{title}: {reason}</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{title}：{reason}</translation>
    </message>
    <message>
        <source>{title}: {size:.1f} of about {all:.1f} GB</source>
        <extracomment>environment/install.py</extracomment>
        <translation>{title}：{size:.1f} GB，共约 {all:.1f} GB</translation>
    </message>
    <message>
        <source>{what}: {error} Fewer PROCESSES need less memory.</source>
        <extracomment>running/side_by_side.py</extracomment>
        <translation>{what}：{error} 减少 PROCESSES 可少用内存。</translation>
    </message>
    <message>
        <source>⚠ Outside the training data: {factors}.</source>
        <extracomment>gui/place_text.py</extracomment>
        <translation>⚠ 超出训练数据范围：{factors}。</translation>
    </message>
</context>
</TS>
